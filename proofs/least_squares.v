(* Chapter 2: least squares, for every number of samples n and of inputs d, and descent
   on a bowl. *)

From Proved Require Import sums.

(* * One input *)

Definition residual (x y : vector) (w0 w1 : R) : vector :=
  fun s => y s - w1 * x s - w0.
Definition RSS (n : nat) (x y : vector) (w0 w1 : R) : R :=
  ∑_(s < n) residual x y w0 w1 s ^ 2.
Definition mean (n : nat) (x : vector) : R := 1 / INR n * ∑_(s < n) x s.

(* The two conditions: the residuals add up to zero, and so do the residuals times x. *)
Definition meets_conditions (n : nat) (x y : vector) (w0 w1 : R) : Prop :=
  ∑_(s < n) residual x y w0 w1 s = 0 /\ ∑_(s < n) x s * residual x y w0 w1 s = 0.

(* A residual falls as the intercept rises. *)
Lemma derive_residual_w0 x y w0 w1 s :
  derivative (fun w0 => residual x y w0 w1 s) w0 (-1).
Proof.
  eapply derive_eq.
  - apply derive_minus; [apply derive_const | apply derive_id].
  - ring.
Qed.

(* And falls by x as the slope rises. *)
Lemma derive_residual_w1 x y w0 w1 s :
  derivative (fun w1 => residual x y w0 w1 s) w1 (- x s).
Proof.
  eapply derive_eq.
  - apply derive_minus; [| apply derive_const].
    apply derive_minus; [apply derive_const |].
    apply derive_scal_r, derive_id.
  - ring.
Qed.

(* The derivative by the intercept. *)
Theorem eq_2_2 n x y w0 w1 :
  derivative (fun w0 => RSS n x y w0 w1) w0 (-2 * ∑_(s < n) residual x y w0 w1 s).
Proof.
  rewrite <- sum_scal; apply (derive_sum n (fun s w0 => residual x y w0 w1 s ^ 2)).
  intros s _; eapply derive_eq.
  - apply (derive_square (fun w0 => residual x y w0 w1 s)), derive_residual_w0.
  - ring.
Qed.

(* The derivative by the slope. *)
Theorem eq_2_3 n x y w0 w1 :
  derivative (fun w1 => RSS n x y w0 w1) w1
    (-2 * ∑_(s < n) x s * residual x y w0 w1 s).
Proof.
  rewrite <- sum_scal; apply (derive_sum n (fun s w1 => residual x y w0 w1 s ^ 2)).
  intros s _; eapply derive_eq.
  - apply (derive_square (fun w1 => residual x y w0 w1 s)), derive_residual_w1.
  - ring.
Qed.

(* The sum is n times the mean. *)
Lemma mean_sum n x : (0 < n)%nat -> ∑_(s < n) x s = INR n * mean n x.
Proof.
  intros; unfold mean; field; apply not_0_INR; lia.
Qed.

(* The first condition is the intercept, whatever the slope. *)
Theorem eq_2_4 n x y w0 w1 : (0 < n)%nat ->
  ∑_(s < n) residual x y w0 w1 s = 0 <-> w0 = mean n y - w1 * mean n x.
Proof.
  intros Hn; assert (0 < INR n) by (apply lt_0_INR; lia).
  unfold residual; rewrite !sum_minus, sum_scal, sum_const, !mean_sum by auto.
  split; intros E; [apply Rmult_eq_reg_l with (INR n); lra | rewrite E; ring].
Qed.

(* The deviations from the mean add up to zero. *)
Lemma deviations n x : (0 < n)%nat -> ∑_(s < n) (x s - mean n x) = 0.
Proof. intros; rewrite sum_minus, sum_const, mean_sum by auto; ring. Qed.

(* Products of deviations, multiplied out; with c for the mean of x, and any d. *)
Lemma products n x y d : (0 < n)%nat ->
  ∑_(s < n) (x s - mean n x) * (y s - d) =
  ∑_(s < n) x s * y s - INR n * mean n x * mean n y.
Proof.
  intros Hn.
  rewrite (sum_ext n _ (fun s => x s * y s - mean n x * y s - d * (x s - mean n x)))
    by (intros; ring).
  rewrite !sum_minus, !sum_scal, deviations, (mean_sum n y) by auto; ring.
Qed.

(* The sum behind the second condition, for a line through the center. *)
Lemma second_condition n x y w1 : (0 < n)%nat ->
  let w0 := mean n y - w1 * mean n x in
  ∑_(s < n) x s * residual x y w0 w1 s =
  ∑_(s < n) (x s - mean n x) * (y s - mean n y)
  - w1 * ∑_(s < n) (x s - mean n x) ^ 2.
Proof.
  intros Hn w0.
  rewrite (sum_ext n (fun s => (x s - mean n x) ^ 2)
    (fun s => (x s - mean n x) * (x s - mean n x))) by (intros; ring).
  rewrite !products by auto; unfold residual.
  rewrite (sum_ext n _ (fun s => x s * y s - w1 * (x s * x s) - x s * w0))
    by (intros; ring).
  rewrite !sum_minus, sum_scal, sum_scal_r, (mean_sum n x) by auto; unfold w0; ring.
Qed.

(* Both conditions hold for one line only, if the x are not all the same. *)
Theorem eq_2_5 n x y w0 w1 : (0 < n)%nat ->
  ∑_(s < n) (x s - mean n x) ^ 2 <> 0 ->
  meets_conditions n x y w0 w1 <->
  w0 = mean n y - w1 * mean n x /\
  w1 = (∑_(s < n) (x s - mean n x) * (y s - mean n y))
       / ∑_(s < n) (x s - mean n x) ^ 2.
Proof.
  intros Hn Hx; unfold meets_conditions.
  assert (E := eq_2_4 n x y w0 w1 Hn); assert (F := second_condition n x y w1 Hn).
  cbv zeta in F; split; intros [H1 H2].
  - apply E in H1; split; auto; rewrite H1, F in H2.
    apply Rmult_eq_reg_r with (∑_(s < n) (x s - mean n x) ^ 2); auto.
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l by auto; lra.
  - split; [now apply E |]; rewrite H1, F.
    rewrite H2; field; auto.
Qed.

(* Where all x are the same the lines through the center are the minima, with any
   slope. *)
Theorem eq_2_5_one_place n x y w0 w1 : (0 < n)%nat ->
  ∑_(s < n) (x s - mean n x) ^ 2 = 0 ->
  meets_conditions n x y w0 w1 <-> w0 = mean n y - w1 * mean n x.
Proof.
  intros Hn Hx; rewrite <- eq_2_4 by auto; split; [now intros [H _] |].
  intros H; split; auto; apply eq_2_4 in H; auto.
  rewrite H, second_condition, Hx by auto.
  rewrite sum_zero; [ring |]; intros s Hs.
  rewrite (sum_squares_zero n (fun s => x s - mean n x) Hx s Hs); ring.
Qed.

(* The other form of the same slope. *)
Theorem eq_2_6 n x y : (0 < n)%nat ->
  (∑_(s < n) (x s - mean n x) * (y s - mean n y))
  / ∑_(s < n) (x s - mean n x) ^ 2 =
  (∑_(s < n) x s * y s - INR n * mean n x * mean n y)
  / (∑_(s < n) x s ^ 2 - INR n * mean n x ^ 2).
Proof.
  intros Hn; f_equal; [now apply products | f_equal].
  rewrite (sum_ext n _ (fun s => (x s - mean n x) * (x s - mean n x)))
    by (intros; ring).
  rewrite products by auto.
  rewrite (sum_ext n (fun s => x s * x s) (fun s => x s ^ 2)) by (intros; ring); ring.
Qed.

(* Any other line is worse by a sum of squares. *)
Theorem eq_2_7 n x y w0 w1 dw0 dw1 : meets_conditions n x y w0 w1 ->
  RSS n x y (w0 + dw0) (w1 + dw1) =
  RSS n x y w0 w1 + ∑_(s < n) (dw0 + dw1 * x s) ^ 2.
Proof.
  intros [H1 H2]; unfold RSS.
  rewrite (sum_ext n _ (fun s => residual x y w0 w1 s ^ 2 + (dw0 + dw1 * x s) ^ 2
    - (2 * dw0 * residual x y w0 w1 s + 2 * dw1 * (x s * residual x y w0 w1 s))))
    by (intros; unfold residual; ring).
  rewrite sum_minus, !sum_plus, !sum_scal, H1, H2; ring.
Qed.

(* So these lines are the minima, and no others are. *)
Theorem eq_2_7_minimum n x y w0 w1 :
  meets_conditions n x y w0 w1 <->
  forall v0 v1, RSS n x y w0 w1 <= RSS n x y v0 v1.
Proof.
  split.
  - intros H v0 v1.
    replace v0 with (w0 + (v0 - w0)) by ring; replace v1 with (w1 + (v1 - w1)) by ring.
    rewrite eq_2_7 by auto; rewrite <- (Rplus_0_r (RSS n x y w0 w1)) at 1.
    apply Rplus_le_compat_l, sum_nonneg; intros; apply pow2_ge_0.
  - intros H.
    split.
    + generalize (minimum_slope _ _ _ (eq_2_2 n x y w0 w1) (fun u => H u w1)); lra.
    + generalize (minimum_slope _ _ _ (eq_2_3 n x y w0 w1) (fun u => H w0 u)); lra.
Qed.

(* The Hessian: the derivatives of (2.2) and (2.3), by w0 and by w1. *)
Theorem eq_2_8 n x y w0 w1 :
  let D0 := fun w0 w1 => -2 * ∑_(s < n) residual x y w0 w1 s in
  let D1 := fun w0 w1 => -2 * ∑_(s < n) x s * residual x y w0 w1 s in
  derivative (fun w0 => D0 w0 w1) w0 (2 * INR n) /\
  derivative (fun w1 => D0 w0 w1) w1 (2 * ∑_(s < n) x s) /\
  derivative (fun w0 => D1 w0 w1) w0 (2 * ∑_(s < n) x s) /\
  derivative (fun w1 => D1 w0 w1) w1 (2 * ∑_(s < n) x s ^ 2).
Proof.
  intros D0 D1; split; [| split; [| split]]; eapply derive_eq.
  - apply derive_scal, (derive_sum n (fun s w0 => residual x y w0 w1 s)).
    intros; apply derive_residual_w0.
  - rewrite sum_const; ring.
  - apply derive_scal, (derive_sum n (fun s w1 => residual x y w0 w1 s)).
    intros; apply derive_residual_w1.
  - rewrite sum_opp; ring.
  - apply derive_scal, (derive_sum n (fun s w0 => x s * residual x y w0 w1 s)).
    intros; apply derive_scal, derive_residual_w0.
  - rewrite sum_scal_r; ring.
  - apply derive_scal, (derive_sum n (fun s w1 => x s * residual x y w0 w1 s)).
    intros; apply derive_scal, derive_residual_w1.
  - rewrite (sum_ext n _ (fun s => - x s ^ 2)) by (intros; ring).
    rewrite sum_opp; ring.
Qed.

(* Its determinant. *)
Theorem eq_2_9 n x : (0 < n)%nat ->
  2 * INR n * (2 * ∑_(s < n) x s ^ 2) - (2 * ∑_(s < n) x s) * (2 * ∑_(s < n) x s) =
  4 * INR n * ∑_(s < n) (x s - mean n x) ^ 2.
Proof.
  intros Hn.
  rewrite (sum_ext n (fun s => (x s - mean n x) ^ 2)
    (fun s => (x s - mean n x) * (x s - mean n x))) by (intros; ring).
  rewrite products, (mean_sum n x) by auto.
  rewrite (sum_ext n (fun s => x s * x s) (fun s => x s ^ 2)) by (intros; ring); ring.
Qed.

(* Deviations from c times the means. *)
Lemma wrong_products n x y c : (0 < n)%nat ->
  ∑_(s < n) (x s - c * mean n x) * (y s - c * mean n y) =
  ∑_(s < n) (x s - mean n x) * (y s - mean n y)
  + INR n * (1 - c) ^ 2 * mean n x * mean n y.
Proof.
  intros Hn; set (q := 1 - c).
  rewrite (sum_ext n _ (fun s => (x s - mean n x) * (y s - mean n y)
    + q * mean n y * (x s - mean n x) + q * mean n x * (y s - mean n y)
    + q ^ 2 * mean n x * mean n y)) by (intros; unfold q; ring).
  rewrite !sum_plus, !sum_scal, !deviations, sum_const by auto; ring.
Qed.

(* The slope that a wrong divisor gives, where both means are c times too large. *)
Theorem eq_2_19 n x y c : (0 < n)%nat ->
  (∑_(s < n) (x s - c * mean n x) * (y s - c * mean n y))
  / ∑_(s < n) (x s - c * mean n x) ^ 2 =
  (∑_(s < n) (x s - mean n x) * (y s - mean n y)
   + INR n * (1 - c) ^ 2 * mean n x * mean n y)
  / (∑_(s < n) (x s - mean n x) ^ 2 + INR n * (1 - c) ^ 2 * mean n x ^ 2).
Proof.
  intros Hn; rewrite wrong_products by auto; f_equal; f_equal.
  rewrite (sum_ext n _ (fun s => (x s - c * mean n x) * (x s - c * mean n x)))
    by (intros; ring).
  rewrite wrong_products by auto; f_equal; [| ring].
  apply sum_ext; intros; ring.
Qed.

(* * Many inputs *)

(* The squared length of a vector. *)
Definition norm2 (n : nat) (v : vector) : R := ∑_(s < n) v s ^ 2.
Definition residuals (d : nat) (X : matrix) (y w : vector) : vector :=
  fun s => y s - mulv d X w s.

(* The gradient by all weights at once. *)
Theorem eq_2_11 n d X y w :
  gradient d (fun w => norm2 n (residuals d X y w)) w
    (fun i => -2 * mulv n X^T (residuals d X y w) i).
Proof.
  intros c v t Hc Hv; unfold norm2; eapply derive_eq.
  - apply (derive_sum n (fun s u => residuals d X y (c u) s ^ 2)
      (fun s => 2 * residuals d X y w s * - mulv d X v s)); intros s _.
    assert (E : residuals d X y (c t) s = residuals d X y w s).
    { unfold residuals, mulv; f_equal; apply sum_ext; intros; now rewrite Hc. }
    rewrite <- E; apply (derive_square (fun u => residuals d X y (c u) s)).
    unfold residuals; eapply derive_eq; [apply derive_minus; [apply derive_const |] |].
    + apply (derive_sum d (fun i u => X s i * c u i)); intros.
      apply derive_scal; auto.
    + unfold mulv; ring.
  - set (e := residuals d X y w); unfold mulv, transpose.
    rewrite (sum_ext n _ (fun s => ∑_(i < d) -2 * (X s i * e s) * v i)).
    + rewrite sum_swap; apply sum_ext; intros i _.
      now rewrite sum_scal_r, sum_scal.
    + intros s _; rewrite <- sum_opp, <- sum_scal; apply sum_ext; intros; ring.
Qed.

(* The normal equations, X^T X w = X^T y. *)
Definition normal_equations (n d : nat) (X : matrix) (y w : vector) : Prop :=
  forall i, (i < d)%nat -> mulv d (mul n X^T X) w i = mulv n X^T y i.

(* They say that the residuals are orthogonal to every column of X. *)
Lemma normal_orthogonal n d X y w : normal_equations n d X y w <->
  forall i, (i < d)%nat -> mulv n X^T (residuals d X y w) i = 0.
Proof.
  assert (E : forall i, mulv n X^T (residuals d X y w) i =
    mulv n X^T y i - mulv d (mul n X^T X) w i)
    by (intros; now rewrite mulv_mul, <- mulv_minus).
  split; intros H i Hi; specialize (H i Hi); specialize (E i); lra.
Qed.

(* Wherever X^T X has an inverse A, the normal equations have one solution. *)
Theorem eq_2_12 n d X y A w : inverse d (mul n X^T X) A ->
  normal_equations n d X y w <->
  forall i, (i < d)%nat -> w i = mulv d A (mulv n X^T y) i.
Proof. apply inverse_solve. Qed.

(* Independent columns stay so where some are left out. *)
Lemma independent_fewer n d k X : (k <= d)%nat -> independent n d X ->
  independent n k X.
Proof.
  intros Hk H w Hw i Hi; set (v := fun l => if Nat.ltb l k then w l else 0).
  assert (E : v i = w i) by (unfold v; now rewrite (proj2 (Nat.ltb_lt i k) Hi)).
  rewrite <- E; apply (H v); [| lia]; intros s Hs; rewrite <- (Hw s Hs).
  unfold mulv; replace d with (k + (d - k))%nat by lia; rewrite sum_split.
  rewrite (sum_zero (d - k)), Rplus_0_r.
  - apply sum_ext; intros l Hl; unfold v; now rewrite (proj2 (Nat.ltb_lt l k) Hl).
  - intros l _; unfold v; rewrite (proj2 (Nat.ltb_ge (k + l) k)) by lia; ring.
Qed.

(* Independent columns give X^T X an inverse. *)
Theorem eq_2_12_inverse n d X : independent n d X ->
  exists A, inverse d (mul n X^T X) A.
Proof.
  intros H; apply inverse_exists; intros k Hk w Hw.
  apply (independent_fewer n d k X Hk H), (sum_squares_zero n (mulv k X w)).
  transitivity (∑_(i < k) w i * mulv k (mul n X^T X) w i);
    [| apply sum_zero; intros; rewrite Hw by auto; ring].
  rewrite (sum_ext k _ (fun i => ∑_(s < n) X s i * w i * mulv k X w s)).
  - rewrite sum_swap; apply sum_ext; intros s _; rewrite sum_scal_r.
    unfold mulv; ring.
  - intros i _; rewrite mulv_mul; unfold mulv at 1; rewrite <- sum_scal.
    apply sum_ext; intros; unfold transpose; ring.
Qed.

(* Pythagoras. *)
Theorem eq_2_13 n d X y v w : normal_equations n d X y v ->
  norm2 n (residuals d X y w) =
  norm2 n (residuals d X y v) + norm2 n (mulv d X (fun i => w i - v i)).
Proof.
  intros H; assert (H' := proj1 (normal_orthogonal n d X y v) H).
  set (e := residuals d X y v) in *.
  set (u := fun i => w i - v i).
  assert (E : ∑_(s < n) e s * mulv d X u s = 0).
  { unfold mulv; rewrite (sum_ext n _ (fun s => ∑_(i < d) X s i * e s * u i)).
    - rewrite sum_swap; apply sum_zero; intros i Hi; rewrite sum_scal_r.
      specialize (H' i Hi); unfold mulv, transpose in H'; rewrite H'; ring.
    - intros; rewrite <- sum_scal; apply sum_ext; intros; ring. }
  unfold norm2.
  rewrite (sum_ext n _ (fun s =>
    e s ^ 2 + mulv d X u s ^ 2 - 2 * (e s * mulv d X u s))).
  - rewrite sum_minus, sum_plus, sum_scal, E; ring.
  - intros s _.
    replace (residuals d X y w s) with (e s - mulv d X u s); [ring |].
    unfold e, u, residuals; rewrite mulv_minus; ring.
Qed.

(* So a solution of the normal equations is a minimum, and every minimum is one. *)
Theorem eq_2_13_minimum n d X y v : normal_equations n d X y v <->
  forall w, norm2 n (residuals d X y v) <= norm2 n (residuals d X y w).
Proof.
  split; intros H.
  - intros w; rewrite (eq_2_13 n d X y v w H).
    rewrite <- (Rplus_0_r (norm2 n (residuals d X y v))) at 1.
    apply Rplus_le_compat_l, sum_nonneg; intros; apply pow2_ge_0.
  - apply normal_orthogonal; intros i Hi.
    assert (Hd := gradient_partial _ _ _ _ i (eq_2_11 n d X y v) Hi).
    apply (minimum_slope _ _ _) in Hd; [lra |]; intros t.
    unfold norm2 at 1; rewrite (sum_ext n _ (fun s => residuals d X y v s ^ 2));
      [apply H |].
    intros s _; f_equal; unfold residuals; f_equal; apply mulv_ext; auto.
    intros; apply change_same.
Qed.

(* The solution by X = Q R, where Q has orthonormal columns and R an inverse. (R is
   called U here, since R stands for the real numbers. That it is a triangle isn't
   needed.) *)
Theorem eq_2_21 n d X y Q U U_inv w :
  (forall s i, (s < n)%nat -> (i < d)%nat -> X s i = mul d Q U s i) ->
  (forall i j, (i < d)%nat -> (j < d)%nat -> mul n Q^T Q i j = [i == j]) ->
  inverse d U U_inv ->
  normal_equations n d X y w <->
  forall i, (i < d)%nat -> w i = mulv d U_inv (mulv n Q^T y) i.
Proof.
  intros HX HQ HU; rewrite normal_orthogonal, <- inverse_solve by eauto.
  set (e := residuals d X y w).
  assert (E : forall i, (i < d)%nat ->
    mulv n X^T e i = mulv d U^T (mulv n Q^T e) i).
  { intros i Hi; rewrite <- mulv_mul; apply sum_ext; intros s Hs; f_equal.
    unfold transpose at 1; rewrite HX by auto; apply sum_ext; intros.
    apply Rmult_comm. }
  assert (F : forall i, (i < d)%nat ->
    mulv n Q^T e i = mulv n Q^T y i - mulv d U w i).
  { intros i Hi; unfold e, residuals; rewrite mulv_minus; f_equal.
    rewrite (mulv_ext n _ Q^T _ (mulv d Q (mulv d U w))); auto.
    - rewrite <- mulv_mul; apply mulv_same; auto.
    - intros s Hs; rewrite <- mulv_mul; apply mulv_ext; auto. }
  assert (HT : inverse d U^T U_inv^T).
  { intros i j Hi Hj; rewrite same_sym; destruct (HU j i Hj Hi) as [E1 E2].
    split; [rewrite <- E2 | rewrite <- E1]; apply sum_ext; intros;
      unfold transpose; ring. }
  split; intros H i Hi.
  - assert (Z : forall i, (i < d)%nat -> mulv n Q^T e i = mulv d U_inv^T (fun _ => 0) i)
      by (apply (inverse_solve d U^T); auto; intros; rewrite <- E; auto).
    specialize (Z i Hi); rewrite F in Z by auto.
    unfold mulv at 3 in Z; rewrite sum_zero in Z by (intros; ring); lra.
  - rewrite E by auto; apply sum_zero; intros l Hl; rewrite F, H by auto; ring.
Qed.

(* Independent columns of X give R, which is zero below its diagonal, an inverse. *)
Theorem eq_2_21_inverse n d X Q U : independent n d X ->
  (forall s i, (s < n)%nat -> (i < d)%nat -> X s i = mul d Q U s i) ->
  (forall i j, (j < i)%nat -> U i j = 0) ->
  exists U_inv, inverse d U U_inv.
Proof.
  intros H HX HU; apply inverse_exists; intros k Hk w Hw.
  apply (independent_fewer n d k X Hk H); intros s Hs.
  rewrite (mulv_ext k X (mul d Q U) w w) by (auto; intros; apply HX; auto; lia).
  rewrite mulv_mul; apply sum_zero; intros i _.
  destruct (Nat.lt_ge_cases i k) as [Hi |]; [rewrite Hw by auto; ring |].
  unfold mulv; rewrite sum_zero; [ring |]; intros l Hl; rewrite HU by lia; ring.
Qed.

(* * Descent on a bowl *)

(* H = (2 / n) X^T X, the second derivatives of the mean square. *)
Definition hessian (n : nat) (X : matrix) : matrix :=
  fun i j => 2 / INR n * mul n X^T X i j.

(* H holds the derivatives of the gradient of L = RSS / n. *)
Theorem eq_2_14 n d X y w i : (i < d)%nat ->
  gradient d (fun w => -2 / INR n * mulv n X^T (residuals d X y w) i) w (hessian n X i).
Proof.
  intros Hi c v t Hc Hv; unfold hessian, mulv at 1, residuals; eapply derive_eq.
  - apply derive_scal, (derive_sum n (fun s u => X^T i s * (y s - mulv d X (c u) s))
      (fun s => X^T i s * - mulv d X v s)); intros s _.
    apply derive_scal; eapply derive_eq.
    + apply derive_minus; [apply derive_const |].
      apply (derive_sum d (fun l u => X s l * c u l) (fun l => X s l * v l)).
      intros; apply derive_scal; auto.
    + unfold mulv; ring.
  - rewrite (sum_ext n _ (fun s => ∑_(j < d) - (X^T i s * X s j * v j))).
    + rewrite sum_swap, <- sum_scal; apply sum_ext; intros j _.
      rewrite sum_opp, sum_scal_r; unfold mul, Rdiv; ring.
    + intros s _; unfold mulv; rewrite <- sum_opp, <- sum_scal.
      apply sum_ext; intros; ring.
Qed.

(* I - η H, and powers of a matrix. *)
Definition I_minus (η : R) (H : matrix) : matrix :=
  fun i j => [i == j] - η * H i j.
Fixpoint power (d : nat) (A : matrix) (t : nat) : matrix :=
  match t with O => same | S t => mul d A (power d A t) end.

(* Gradient descent with the gradient of L = RSS / n, after t steps. *)
Theorem eq_2_15 n d X y η v (w : nat -> vector) t : (0 < n)%nat ->
  normal_equations n d X y v ->
  (forall t i, (i < d)%nat ->
    w (S t) i = w t i - η * (-2 / INR n * mulv n X^T (residuals d X y (w t)) i)) ->
  forall i, (i < d)%nat ->
  w t i = v i + mulv d (power d (I_minus η (hessian n X)) t) (fun i => w O i - v i) i.
Proof.
  intros Hn Hv Hw; induction t; intros i Hi.
  - simpl; rewrite mulv_same by auto; ring.
  - simpl; rewrite mulv_mul, Hw by auto.
    rewrite (mulv_ext d _ (I_minus η (hessian n X)) _ (fun i => w t i - v i))
      by (auto; intros; rewrite IHt by auto; ring).
    assert (E : mulv n X^T (residuals d X y (w t)) i =
      - mulv d (mul n X^T X) (fun i => w t i - v i) i).
    { rewrite mulv_minus, (Hv i Hi); unfold residuals; rewrite mulv_minus, mulv_mul.
      change (fun s => mulv d X (w t) s) with (mulv d X (w t)); ring. }
    rewrite E; unfold I_minus, hessian, mulv.
    rewrite (sum_ext d (fun l => ([i == l] - _) * _) (fun l => [i == l] * (w t l - v l)
      - η * 2 / INR n * (mul n X^T X i l * (w t l - v l))))
      by (intros; unfold Rdiv; ring).
    rewrite sum_minus, sum_scal.
    rewrite (sum_ext d (fun l => [i == l] * _) (fun l => [l == i] * (w t l - v l)))
      by (intros; now rewrite same_sym).
    rewrite (sum_same d i (fun l => w t l - v l)) by auto; unfold Rdiv; ring.
Qed.

(* Of the curvatures l 0, ..., l (d - 1), a is the smallest and b the largest. *)
Definition extremes (d : nat) (l : vector) (a b : R) : Prop :=
  (forall i, (i < d)%nat -> a <= l i <= b) /\
  (exists i, (i < d)%nat /\ l i = a) /\ (exists i, (i < d)%nat /\ l i = b).

(* No rate gets the worst of the factors below this, where κ = b / a. *)
Theorem eq_2_16 d l a b η : 0 < a -> extremes d l a b ->
  let κ := b / a in
  (κ - 1) / (κ + 1) <= largest d (fun i => Rabs (1 - η * l i)).
Proof.
  intros Ha [Hl [[i [Hi Ei]] [j [Hj Ej]]]] κ.
  assert (Hab : a <= b) by (rewrite <- Ei; now apply Hl).
  set (M := largest d _).
  assert (H1 : 1 - η * a <= M).
  { eapply Rle_trans; [apply Rle_abs |].
    rewrite <- Ei; now apply (largest_ge d (fun i => Rabs (1 - η * l i))). }
  assert (H2 : η * b - 1 <= M).
  { eapply Rle_trans; [apply Rle_abs |]; rewrite Rabs_minus_sym.
    rewrite <- Ej; now apply (largest_ge d (fun i => Rabs (1 - η * l i))). }
  replace ((κ - 1) / (κ + 1)) with ((b - a) / (b + a)) by (unfold κ; field; lra).
  assert (b * (1 - η * a) <= b * M) by (apply Rmult_le_compat_l; lra).
  assert (a * (η * b - 1) <= a * M) by (apply Rmult_le_compat_l; lra).
  apply Rle_div_l; lra.
Qed.

(* And 2 / (a + b) gets it there. *)
Theorem eq_2_16_best d l a b : 0 < a -> extremes d l a b ->
  let κ := b / a in
  largest d (fun i => Rabs (1 - 2 / (a + b) * l i)) = (κ - 1) / (κ + 1).
Proof.
  intros Ha Hx κ; apply Rle_antisym; [| now apply eq_2_16].
  destruct Hx as [Hl [[i [Hi Ei]] _]].
  assert (Hab : a <= b) by (rewrite <- Ei; now apply Hl).
  apply largest_le; [lia |]; intros j Hj; destruct (Hl j Hj) as [H1 H2].
  replace ((κ - 1) / (κ + 1)) with ((b - a) / (a + b)) by (unfold κ; field; lra).
  replace (1 - 2 / (a + b) * l j) with ((a + b - 2 * l j) / (a + b)) by (field; lra).
  unfold Rdiv; rewrite Rabs_mult, (Rabs_pos_eq (/ _)).
  - apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; lra |].
    apply Rabs_le; lra.
  - left; apply Rinv_0_lt_compat; lra.
Qed.

(* * Why squares *)

(* Each residual has the normal density with mean 0 and variance ν. *)
Theorem eq_2_17 n e ν : 0 < ν ->
  let density := fun s => 1 / sqrt (2 * PI * ν) * exp (- e s ^ 2 / (2 * ν)) in
  - ln (prod n density) = INR n / 2 * ln (2 * PI * ν) + norm2 n e / (2 * ν).
Proof.
  intros Hν density; assert (Hπ := PI_RGT_0).
  assert (Hp : 0 < 2 * PI * ν) by
    (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat |]; lra).
  assert (Hs : 0 < / sqrt (2 * PI * ν)) by (apply Rinv_0_lt_compat, sqrt_lt_R0; auto).
  rewrite ln_prod; unfold density, norm2.
  - rewrite (sum_ext n _ (fun s => - (1 / 2 * ln (2 * PI * ν)) - e s ^ 2 * / (2 * ν))).
    + rewrite sum_minus, sum_const, sum_scal_r; field; lra.
    + intros s _; unfold Rdiv at 1; rewrite Rmult_1_l, ln_mult, ln_exp, ln_Rinv, ln_sqrt
        by auto using exp_pos, sqrt_lt_R0; field; lra.
  - intros; unfold Rdiv at 1; rewrite Rmult_1_l.
    apply Rmult_lt_0_compat; auto using exp_pos.
Qed.

(* How far one answer pulls the slope (2.5). *)
Theorem eq_2_18 n x y s : (s < n)%nat ->
  ∑_(r < n) (x r - mean n x) ^ 2 <> 0 ->
  let slope := fun y => (∑_(r < n) (x r - mean n x) * (y r - mean n y))
                        / ∑_(r < n) (x r - mean n x) ^ 2 in
  derivative (fun t => slope (change y s t)) (y s)
    ((x s - mean n x) / ∑_(r < n) (x r - mean n x) ^ 2).
Proof.
  intros Hs Hx slope; unfold slope, Rdiv; apply derive_scal_r.
  apply (derive_ext (fun t => ∑_(r < n) (x r - mean n x) * change y s t r)).
  - intros t; set (m := mean n (change y s t)).
    rewrite (sum_ext n (fun r => _ * (_ - m)) (fun r =>
      (x r - mean n x) * change y s t r - (x r - mean n x) * m)) by (intros; ring).
    rewrite sum_minus, sum_scal_r, deviations by lia; ring.
  - eapply derive_eq.
    + apply (derive_sum n (fun r t => (x r - mean n x) * change y s t r)); intros.
      apply derive_scal, derive_change.
    + rewrite (sum_ext n _ (fun r => [r == s] * (x r - mean n x))) by (intros; ring).
      now apply (sum_same n s (fun r => x r - mean n x)).
Qed.
