(* Chapter 3: softmax and cross-entropy, for every number of classes k, of samples n
   and of inputs d. *)

From Proved Require Import sums network.

Definition softmax (k : nat) (z : vector) : vector :=
  fun i => exp (z i) / ∑_(j < k) exp (z j).

Definition cross_entropy (n k : nat) (y p : matrix) : R :=
  - (1 / INR n) * ∑_(s < n) ∑_(i < k) y s i * ln (p s i).

(* The denominator is positive, so there is no division by zero. *)
Lemma total_pos k z i : (i < k)%nat -> 0 < ∑_(j < k) exp (z j).
Proof. intros; apply sum_pos; [lia |]; intros; apply exp_pos. Qed.

(* Probabilities are positive. *)
Lemma softmax_pos k z i : (i < k)%nat -> 0 < softmax k z i.
Proof.
  intros; apply Rdiv_lt_0_compat; [apply exp_pos |].
  eapply total_pos; eauto.
Qed.

(* Only the k logits count. *)
Lemma softmax_ext k z z' i : (i < k)%nat ->
  (forall j, (j < k)%nat -> z j = z' j) -> softmax k z i = softmax k z' i.
Proof.
  intros Hi H; unfold softmax; rewrite H by auto.
  rewrite (sum_ext k _ (fun j => exp (z' j))); auto; intros; now rewrite H.
Qed.

(* A constant added to all logits changes nothing. *)
Theorem eq_3_2 k z c i : (i < k)%nat ->
  softmax k (fun j => z j + c) i = softmax k z i.
Proof.
  intros H; unfold softmax; rewrite exp_plus.
  rewrite (sum_ext k _ (fun j => exp (z j) * exp c)) by (intros; apply exp_plus).
  rewrite sum_scal_r; field; split.
  - generalize (total_pos k z i H); lra.
  - generalize (exp_pos c); lra.
Qed.

(* The slope of p_i where all logits move at once, each with a slope of its own. *)
Lemma softmax_curve k (c : R -> vector) v t i : (i < k)%nat ->
  (forall j, (j < k)%nat -> derivative (fun u => c u j) t (v j)) ->
  let p := softmax k (c t) in
  derivative (fun u => softmax k (c u) i) t (p i * (v i - ∑_(j < k) p j * v j)).
Proof.
  intros Hi H p; assert (Hp := total_pos k (c t) i Hi).
  assert (He : forall j, (j < k)%nat ->
    derivative (fun u => exp (c u j)) t (exp (c t j) * v j)).
  { intros; apply (derive_comp exp); auto; apply derive_exp. }
  unfold softmax; eapply derive_eq.
  - apply (is_derive_div (fun u => exp (c u i)) (fun u => ∑_(j < k) exp (c u j))).
    + apply He; auto.
    + apply (derive_sum k (fun j u => exp (c u j))); intros; apply He; auto.
    + lra.
  - rewrite (sum_ext k (fun j => p j * v j)
      (fun j => exp (c t j) * v j * / ∑_(l < k) exp (c t l)))
      by (intros; unfold p, softmax, Rdiv; ring).
    rewrite sum_scal_r; unfold p, softmax; field; lra.
Qed.

(* The Jacobian of softmax. *)
Theorem eq_3_3 k z i j : (i < k)%nat -> (j < k)%nat ->
  let p := softmax k z in
  derivative (fun t => softmax k (change z j t) i) (z j) (p i * ([i == j] - p j)).
Proof.
  intros Hi Hj p; eapply derive_eq.
  - apply (softmax_curve k (change z j) (fun l => [l == j])); auto.
    intros; apply derive_change.
  - unfold p; rewrite (softmax_ext k _ z) by auto using change_same.
    rewrite (sum_ext _ _ (fun l => [l == j] * softmax k z l)).
    + rewrite (sum_same k j (softmax k z)) by auto; ring.
    + intros; rewrite (softmax_ext k _ z) by auto using change_same; ring.
Qed.

(* (3.3) is symmetric in the two places where a sum over it is taken. *)
Lemma jacobian_sum k g p v :
  ∑_(i < k) g i * (p i * (v i - ∑_(j < k) p j * v j)) =
  ∑_(j < k) p j * (g j - ∑_(i < k) g i * p i) * v j.
Proof.
  set (V := ∑_(j < k) p j * v j); set (G := ∑_(i < k) g i * p i).
  rewrite (sum_ext _ _ (fun i => g i * p i * v i - g i * p i * V)) by (intros; ring).
  rewrite (sum_ext _ (fun j => _ * v j) (fun j => g j * p j * v j - G * (p j * v j)))
    by (intros; ring).
  rewrite !sum_minus, sum_scal_r, sum_scal; fold V G; ring.
Qed.

(* Any loss of the probabilities, back to the logits. *)
Theorem eq_3_4 k L z g : let p := softmax k z in
  gradient k L p g ->
  gradient k (fun z => L (softmax k z)) z
    (fun j => p j * (g j - ∑_(i < k) g i * p i)).
Proof.
  intros p HL c v t Hc Hv; rewrite <- jacobian_sum.
  apply (HL (fun u => softmax k (c u))); intros i Hi.
  - now apply softmax_ext.
  - eapply derive_eq; [now apply softmax_curve with (v := v) |]; cbv zeta.
    rewrite (softmax_ext k (c t) z) by auto; f_equal; f_equal.
    apply sum_ext; intros j Hj; now rewrite (softmax_ext k (c t) z).
Qed.

(* Any loss of a batch of probabilities, row by row. *)
Lemma softmax_batch n k L (z g : matrix) :
  let p := fun s => softmax k (z s) in
  gradient2 n k L p g ->
  gradient2 n k (fun z => L (fun s => softmax k (z s))) z
    (fun s j => p s j * (g s j - ∑_(i < k) g s i * p s i)).
Proof.
  intros p HL c v t Hc Hv.
  rewrite (sum_ext n _ (fun s => ∑_(i < k)
    g s i * (p s i * (v s i - ∑_(j < k) p s j * v s j))))
    by (intros; symmetry; apply jacobian_sum).
  apply (HL (fun u s => softmax k (c u s))); intros s i Hs Hi.
  - apply softmax_ext; auto.
  - eapply derive_eq; [apply (softmax_curve k (fun u => c u s) (v s)); auto |].
    cbv zeta; rewrite (softmax_ext k (c t s) (z s)) by auto; f_equal; f_equal.
    apply sum_ext; intros j Hj; now rewrite (softmax_ext k (c t s) (z s)) by auto.
Qed.

(* The surprise of one sample of class c: probability minus answer. *)
Theorem eq_3_5 k c z : (c < k)%nat ->
  let p := softmax k z in
  gradient k (fun z => - ln (softmax k z c)) z (fun j => p j - [j == c]).
Proof.
  intros Hc p d v t Hd Hv.
  assert (Hp : 0 < p c) by now apply softmax_pos.
  apply derive_ext with (f := fun u => -1 * ln (softmax k (d u) c)); [intros; ring |].
  eapply derive_eq.
  - apply derive_scal, (derive_comp ln); [apply (softmax_curve k d v t c Hc Hv) |].
    rewrite (softmax_ext k (d t) z c) by auto; apply derive_ln, Hp.
  - cbv zeta; rewrite (softmax_ext k (d t) z c) by auto.
    rewrite (sum_ext k _ (fun j => p j * v j))
      by (intros; now rewrite (softmax_ext k (d t) z) by auto).
    rewrite (sum_ext k (fun j => (p j - [j == c]) * v j)
      (fun j => p j * v j - [j == c] * v j)) by (intros; ring).
    rewrite sum_minus, (sum_same k c v) by auto; fold p; field; lra.
Qed.

(* In the three theorems that follow, δ is the gradient of any loss by the logits. *)

(* The weights of the last layer. *)
Theorem eq_3_6 n d k L x W b δ :
  gradient2 n k L (affine d x W b) δ ->
  gradient2 d k (fun W => L (affine d x W b)) W (mul n x^T δ).
Proof. apply affine_weights. Qed.

(* The biases. *)
Theorem eq_3_7 n d k L x W b δ :
  gradient2 n k L (affine d x W b) δ ->
  gradient k (fun b => L (affine d x W b)) b (fun j => ∑_(s < n) δ s j).
Proof. apply affine_biases. Qed.

(* The inputs, which are the outputs of the layer below. *)
Theorem eq_3_8 n d k L x W b δ :
  gradient2 n k L (affine d x W b) δ ->
  gradient2 n d (fun x => L (affine d x W b)) x (mul k δ W^T).
Proof. apply affine_inputs. Qed.

(* Cross-entropy by the probabilities, where they are positive. *)
Theorem eq_3_10 n k y p :
  (forall s i, (s < n)%nat -> (i < k)%nat -> 0 < p s i) ->
  gradient2 n k (cross_entropy n k y) p (fun s i => - (y s i / (INR n * p s i))).
Proof.
  intros Hp c v t Hc Hv; unfold cross_entropy; eapply derive_eq.
  - apply (derive_scal (fun u => ∑_(s < n) ∑_(i < k) y s i * ln (c u s i))).
    apply (derive_sum n (fun s u => ∑_(i < k) y s i * ln (c u s i))
      (fun s => ∑_(i < k) y s i * (/ p s i * v s i))); intros s Hs.
    apply (derive_sum k (fun i u => y s i * ln (c u s i))); intros i Hi.
    apply derive_scal, (derive_comp ln); auto.
    rewrite Hc by auto; apply derive_ln; auto.
  - rewrite <- sum_scal; apply sum_ext; intros s Hs.
    rewrite <- sum_scal; apply sum_ext; intros i Hi; field.
    split; [generalize (Hp s i Hs Hi); lra | apply not_0_INR; lia].
Qed.

(* Softmax and cross-entropy: probability minus answer, over the batch size. The
   answers of a sample need not be one-hot; it is enough that they add up to 1. *)
Theorem eq_3_11 n k y z :
  (forall s, (s < n)%nat -> ∑_(i < k) y s i = 1) ->
  let p := fun s => softmax k (z s) in
  gradient2 n k (fun z => cross_entropy n k y (fun s => softmax k (z s))) z
    (fun s j => (p s j - y s j) / INR n).
Proof.
  intros Hy p c v t Hc Hv.
  assert (Hp : forall s i, (s < n)%nat -> (i < k)%nat -> 0 < p s i)
    by (intros; now apply softmax_pos).
  eapply derive_eq.
  { apply (softmax_batch n k _ z _ (eq_3_10 n k y p Hp) c v t Hc Hv). }
  apply sum_ext; intros s Hs; apply sum_ext; intros j Hj; fold (p s).
  rewrite (sum_ext k _ (fun i => y s i * (- / INR n))).
  - assert (Hn : INR n <> 0) by (apply not_0_INR; lia).
    rewrite sum_scal_r, Hy by auto; field; generalize (Hp s j Hs Hj); lra.
  - assert (Hn : INR n <> 0) by (apply not_0_INR; lia).
    intros i Hi; field; generalize (Hp s i Hs Hi); lra.
Qed.

(* The weights of the last layer, under softmax and cross-entropy. *)
Theorem eq_3_12 n d k x y W b :
  (forall s, (s < n)%nat -> ∑_(i < k) y s i = 1) ->
  let p := fun s => softmax k (affine d x W b s) in
  gradient2 d k
    (fun W => cross_entropy n k y (fun s => softmax k (affine d x W b s))) W
    (fun i j => 1 / INR n * mul n x^T (fun s j => p s j - y s j) i j).
Proof.
  intros Hy p c v t Hc Hv; eapply derive_eq.
  - apply (eq_3_6 n d k _ x W b _ (eq_3_11 n k y (affine d x W b) Hy) c v t Hc Hv).
  - apply sum_ext; intros i _; apply sum_ext; intros j _; f_equal; unfold mul.
    rewrite <- sum_scal; apply sum_ext; intros; unfold Rdiv, p; ring.
Qed.

(* The logarithm that doesn't break: any number m may be taken off, so the largest
   logit may. *)
Theorem eq_3_13 k z m i : (i < k)%nat ->
  ln (softmax k z i) = z i - m - ln (∑_(j < k) exp (z j - m)).
Proof.
  intros Hi; rewrite <- (eq_3_2 k z (- m) i Hi); unfold softmax, Rdiv.
  rewrite ln_mult, ln_Rinv, ln_exp.
  - unfold Rminus; ring.
  - eapply total_pos with (z := fun j => z j + - m); eauto.
  - apply exp_pos.
  - apply Rinv_0_lt_compat, (total_pos k (fun j => z j + - m) i Hi).
Qed.

(* One sample of class c: a second softmax sees probabilities, which lie between 0
   and 1. *)
Lemma twice_floor k p c : (c < k)%nat ->
  (forall j, (j < k)%nat -> 0 <= p j) -> ∑_(j < k) p j = 1 ->
  ln (softmax k p c) <= 1 - ln (exp 1 + INR k - 1).
Proof.
  intros Hc Hp Hsum; rewrite (eq_3_13 k p (p c) c Hc).
  assert (H : exp (-1) * (exp 1 + INR k - 1) <= ∑_(j < k) exp (p j - p c)).
  { assert (E : exp (-1) * exp 1 = 1) by
      (rewrite <- exp_plus; replace (-1 + 1) with 0 by ring; apply exp_0).
    replace (exp (-1) * _) with
      (∑_(j < k) ([j == c] * (1 - exp (-1)) + exp (-1))).
    - apply sum_le; intros j Hj; unfold same; destruct (Nat.eq_dec j c) as [-> |].
      + rewrite Rminus_eq_0, exp_0; lra.
      + rewrite Rmult_0_l, Rplus_0_l.
        assert (p c <= 1) by (rewrite <- Hsum; now apply sum_ge_term).
        apply exp_le; generalize (Hp j Hj); lra.
    - rewrite sum_plus, (sum_same k c (fun _ => 1 - exp (-1))), sum_const by auto.
      generalize E; nra. }
  assert (1 <= INR k) by (apply (le_INR 1); lia).
  assert (0 < exp (-1)) by apply exp_pos; assert (0 < exp 1) by apply exp_pos.
  apply ln_le in H; [| apply Rmult_lt_0_compat; lra].
  rewrite ln_mult, ln_exp in H; lra.
Qed.

(* The floor under softmax twice, for every batch of probabilities p. *)
Theorem eq_3_14 n k p c : (0 < n)%nat ->
  (forall s, (s < n)%nat -> (c s < k)%nat /\ ∑_(j < k) p s j = 1 /\
    forall j, (j < k)%nat -> 0 <= p s j) ->
  let y := fun s i => [i == c s] in
  ln (exp 1 + INR k - 1) - 1 <= cross_entropy n k y (fun s => softmax k (p s)).
Proof.
  intros Hn H y; unfold cross_entropy.
  rewrite (sum_ext n _ (fun s => ln (softmax k (p s) (c s)))).
  2: { intros s Hs; apply (sum_same k (c s) (fun i => ln (softmax k (p s) i))), H, Hs. }
  assert (Hle : ∑_(s < n) ln (softmax k (p s) (c s))
    <= INR n * (1 - ln (exp 1 + INR k - 1))).
  { rewrite <- sum_const; apply sum_le; intros s Hs.
    apply twice_floor; apply H; auto. }
  assert (0 < INR n) by (apply lt_0_INR; lia).
  apply Rmult_le_reg_l with (INR n); auto.
  replace (INR n * (- (1 / INR n) * _)) with
    (- ∑_(s < n) ln (softmax k (p s) (c s))) by (field; lra); lra.
Qed.

(* Any weight w of any network f whose outputs are the logits. *)
Theorem eq_3_15 n k L (f : R -> matrix) (f' g : matrix) w :
  let p := fun s => softmax k (f w s) in
  let δ := fun s j => p s j * (g s j - ∑_(i < k) g s i * p s i) in
  gradient2 n k L p g ->
  (forall s j, (s < n)%nat -> (j < k)%nat ->
     derivative (fun w => f w s j) w (f' s j)) ->
  derivative (fun w => L (fun s => softmax k (f w s))) w
    (∑_(s < n) ∑_(j < k) δ s j * f' s j).
Proof. intros p δ HL Hf; now apply (softmax_batch n k L (f w) g HL f). Qed.
