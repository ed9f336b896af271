(* Chapter 4: backpropagation, for every number of samples n, of layers D and all widths
   d, under a sigmoid after every layer and binary cross-entropy. *)

From Coq Require Import FunctionalExtensionality.
From Proved Require Import sums network.

Definition σ (z : R) : R := 1 / (1 + exp (- z)).

(* The loss of one prediction p, where y is the answer. *)
Definition bce (y p : R) : R := - (y * ln p + (1 - y) * ln (1 - p)).

(* A sigmoid lies between 0 and 1, so that both logarithms exist. *)
Lemma σ_range z : 0 < σ z < 1.
Proof.
  unfold σ; assert (H := exp_pos (- z)); split.
  - apply Rdiv_lt_0_compat; lra.
  - apply Rlt_div_l; lra.
Qed.

(* The slope of the sigmoid. *)
Theorem eq_4_2 z : derivative σ z (σ z * (1 - σ z)).
Proof.
  assert (H := exp_pos (- z)); unfold derivative, σ; auto_derive; [lra |].
  field; lra.
Qed.

(* Binary cross-entropy by the prediction. *)
Theorem eq_4_4 y p : 0 < p < 1 -> derivative (bce y) p ((p - y) / (p * (1 - p))).
Proof.
  intros H; unfold derivative, bce; auto_derive; [lra |]; field; lra.
Qed.

(* Sigmoid and binary cross-entropy together: probability minus answer. *)
Theorem eq_4_5 y z : derivative (fun z => bce y (σ z)) z (σ z - y).
Proof.
  assert (H := σ_range z); eapply derive_eq.
  - apply (derive_comp (bce y) σ); [apply eq_4_2 | now apply eq_4_4].
  - field; lra.
Qed.

(* * The network of the figure: d inputs, m hidden units, one output *)

Section Figure.
Variables (d m : nat) (x : vector) (y : R).

Definition score1 (W1 : matrix) (b1 : vector) : vector := fun i => mulv d W1 x i + b1 i.
Definition score2 (z1 : vector) (W2 : matrix) (b2 : vector) : vector :=
  fun i => mulv m W2 (fun j => σ (z1 j)) i + b2 i.
Definition loss (z2 : vector) : R := bce y (σ (z2 O)).

Variables (W1 W2 : matrix) (b1 b2 : vector).
Let z1 := score1 W1 b1.
Let a1 : vector := fun j => σ (z1 j).
Let y_hat := σ (score2 z1 W2 b2 O).
Let δ1 : vector := fun i => W2 O i * (y_hat - y) * a1 i * (1 - a1 i).

(* A loss of one number, along a curve. *)
Lemma loss_gradient z2 : gradient 1 loss z2 (fun _ => σ (z2 O) - y).
Proof.
  intros c v t Hc Hv; simpl; rewrite Rplus_0_l; unfold loss.
  apply (derive_comp (fun z => bce y (σ z)) (fun u => c u O)); [apply Hv; lia |].
  rewrite Hc by lia; apply eq_4_5.
Qed.

(* The network as one of two layers, as network.v has them. *)
Let widths (l : nat) : nat := match l with O => d | 1 => m | _ => 1%nat end.
Let W (l : nat) : matrix := match l with 1%nat => W1 | _ => W2 end.
Let b (l : nat) : vector := match l with 1%nat => b1 | _ => b2 end.
Let δ (l : nat) : vector := match l with 1%nat => δ1 | _ => fun _ => y_hat - y end.

(* The slopes of its hidden units are (4.2). *)
Lemma figure_slopes : has_slopes_column σ (fun z => σ z * (1 - σ z)) widths x W b 2.
Proof. intros l j _ _; apply eq_4_2. Qed.

(* And δ1 is what the way back gives. *)
Lemma figure_back :
  goes_back_column σ (fun z => σ z * (1 - σ z)) widths x W b 2 δ.
Proof.
  intros l i Hl _; replace l with 1%nat by lia.
  change (δ1 i = mulv 1 W2^T (fun _ => y_hat - y) i * (a1 i * (1 - a1 i))).
  unfold mulv, transpose, δ1; simpl; ring.
Qed.

(* The weights of the last layer: a row. *)
Theorem eq_4_7 : gradient2 1 m (fun W2 => loss (score2 z1 W2 b2)) W2
  (fun _ j => (y_hat - y) * a1 j).
Proof.
  apply (column_weights σ _ widths x W b 2 loss δ 2 ltac:(lia) figure_slopes
    figure_back (loss_gradient _)).
Qed.

(* Its bias. *)
Theorem eq_4_8 : gradient 1 (fun b2 => loss (score2 z1 W2 b2)) b2 (fun _ => y_hat - y).
Proof.
  apply (column_biases σ _ widths x W b 2 loss δ 2 ltac:(lia) figure_slopes
    figure_back (loss_gradient _)).
Qed.

(* Back to the hidden scores: W2 is turned into a column. *)
Theorem eq_4_9 : gradient m (fun z1 => loss (score2 z1 W2 b2)) z1 δ1.
Proof.
  intros c v t Hc Hv; eapply derive_eq.
  - apply (loss_gradient (score2 z1 W2 b2) (fun u => score2 (c u) W2 b2)
      (fun _ => ∑_(j < m) W2 O j * (a1 j * (1 - a1 j) * v j))).
    + intros i _; unfold score2, mulv; f_equal; apply sum_ext; intros.
      now rewrite Hc.
    + intros i Hi; replace i with O by lia; unfold score2; eapply derive_eq.
      * apply derive_plus; [| apply derive_const].
        apply (derive_sum m (fun j u => W2 O j * σ (c u j))); intros j Hj.
        apply derive_scal, (derive_comp σ); [now apply Hv |].
        rewrite Hc by auto; apply eq_4_2.
      * now rewrite Rplus_0_r.
  - simpl; rewrite Rplus_0_l, <- sum_scal; apply sum_ext; intros.
    unfold δ1, y_hat; ring.
Qed.

(* The weights of the first layer: a column times a row. *)
Theorem eq_4_10 : gradient2 m d (fun W1 => loss (score2 (score1 W1 b1) W2 b2)) W1
  (fun i j => δ1 i * x j).
Proof.
  apply (column_weights σ _ widths x W b 2 loss δ 1 ltac:(lia) figure_slopes
    figure_back (loss_gradient _)).
Qed.

(* Its biases. *)
Theorem eq_4_11 : gradient m (fun b1 => loss (score2 (score1 W1 b1) W2 b2)) b1 δ1.
Proof.
  apply (column_biases σ _ widths x W b 2 loss δ 1 ltac:(lia) figure_slopes
    figure_back (loss_gradient _)).
Qed.
End Figure.

(* * Any number of layers *)

(* In columns: the numbers δ, from the last layer down, and with them the gradients by
   the weights and by the biases of each layer l. *)
Theorem eq_4_12 d x W b D y δ l : (1 <= l <= D)%nat -> d D = 1%nat ->
  let a := outputs_column σ d x W b in
  δ D = (fun _ => a D O - y) ->
  (forall m i, (1 <= m < D)%nat -> (i < d m)%nat ->
     δ m i = mulv (d (S m)) (W (S m))^T (δ (S m)) i * a m i * (1 - a m i)) ->
  gradient2 (d l) (d (pred l))
    (fun V => bce y (outputs_column σ d x (replace_layer W l V) b D O)) (W l)
    (fun i j => δ l i * a (pred l) j) /\
  gradient (d l)
    (fun v => bce y (outputs_column σ d x W (replace_layer b l v) D O)) (b l) (δ l).
Proof.
  intros Hl HdD a HD Hδ; destruct D as [| D]; [lia |].
  assert (H1 : has_slopes_column σ (fun z => σ z * (1 - σ z)) d x W b (S D))
    by (intros ? ? _ _; apply eq_4_2).
  assert (H2 : goes_back_column σ (fun z => σ z * (1 - σ z)) d x W b (S D) δ).
  { intros [| m] i Hm Hi; [lia |].
    rewrite Hδ by auto; unfold a, scores_column; simpl; ring. }
  assert (H3 := loss_gradient y (scores_column σ d x W b (S D))).
  rewrite <- HdD in H3; change (fun _ => _) with (fun _ : nat => a (S D) O - y) in H3.
  rewrite <- HD in H3; split.
  - apply (column_weights σ _ d x W b (S D) _ δ l Hl H1 H2 H3).
  - apply (column_biases σ _ d x W b (S D) _ δ l Hl H1 H2 H3).
Qed.

(* What the numbers δ are, the gradients of the loss by the scores: one layer down, for
   any loss with the gradient δ' by the scores above. *)
Theorem eq_4_12_scores m k L W b z δ' : let a := fun i => σ (z i) in
  gradient k L (fun i => mulv m W a i + b i) δ' ->
  gradient m (fun z => L (fun i => mulv m W (fun j => σ (z j)) i + b i)) z
    (fun j => mulv k W^T δ' j * a j * (1 - a j)).
Proof.
  intros a HL c v t Hc Hv; eapply derive_eq.
  - apply (HL (fun u i => mulv m W (fun j => σ (c u j)) i + b i)
      (fun i => ∑_(j < m) W i j * (a j * (1 - a j) * v j))); intros i Hi.
    + f_equal; apply mulv_ext; auto; intros; unfold a; now rewrite Hc.
    + eapply derive_eq; [apply derive_plus; [| apply derive_const] | apply Rplus_0_r].
      apply (derive_sum m (fun j u => W i j * σ (c u j))); intros j Hj.
      apply derive_scal, (derive_comp σ); auto.
      unfold a; rewrite Hc by auto; apply eq_4_2.
  - unfold mulv, transpose.
    rewrite (sum_ext k _ (fun i => ∑_(j < m) W i j * δ' i * a j * (1 - a j) * v j)).
    + rewrite sum_swap; apply sum_ext; intros j _.
      rewrite !sum_scal_r; ring.
    + intros i _; rewrite <- sum_scal; apply sum_ext; intros; ring.
Qed.

(* A batch: the mean over its samples, where a sample may have k outputs. *)
Definition bce_mean (n k : nat) (y p : matrix) : R :=
  1 / INR n * ∑_(s < n) ∑_(j < k) bce (y s j) (p s j).

(* So the way back starts, for a batch. *)
Theorem eq_4_13 n k y z :
  let p := fun s j => σ (z s j) in
  gradient2 n k (fun z => bce_mean n k y (fun s j => σ (z s j))) z
    (fun s j => (p s j - y s j) / INR n).
Proof.
  intros p c v t Hc Hv; unfold bce_mean; eapply derive_eq.
  - apply (derive_scal (fun u => ∑_(s < n) ∑_(j < k) bce (y s j) (σ (c u s j)))).
    apply (derive_sum n (fun s u => ∑_(j < k) bce (y s j) (σ (c u s j)))
      (fun s => ∑_(j < k) (p s j - y s j) * v s j)); intros s Hs.
    apply (derive_sum k (fun j u => bce (y s j) (σ (c u s j)))); intros j Hj.
    apply (derive_comp (fun z => bce (y s j) (σ z)) (fun u => c u s j)); auto.
    unfold p; rewrite <- Hc by auto; apply eq_4_5.
  - rewrite <- sum_scal; apply sum_ext; intros; rewrite <- sum_scal.
    apply sum_ext; intros; unfold Rdiv; ring.
Qed.

(* One layer down: if δ' is the gradient of any loss by the scores of layer l + 1, this
   is its gradient by the scores a of layer l, whose outputs are h = σ(a). *)
Theorem eq_4_14 n m k L a W b δ' :
  let h := fun s i => σ (a s i) in
  gradient2 n k L (affine m h W b) δ' ->
  gradient2 n m (fun a => L (affine m (fun s i => σ (a s i)) W b)) a
    (fun s i => mul k δ' W^T s i * h s i * (1 - h s i)).
Proof.
  intros h HL c v t Hc Hv; eapply derive_eq.
  - apply (activation_affine σ (fun z => σ z * (1 - σ z)) n m k L a W b δ'); eauto.
    intros; apply eq_4_2.
  - apply sum_ext; intros s _; apply sum_ext; intros; unfold h; ring.
Qed.

(* All the way down, in rows, for the weights of each layer l. *)
Section Rows.
Variables (n : nat) (d : nat -> nat) (x : matrix) (W : nat -> matrix).
Variables (b : nat -> vector) (D : nat) (y : matrix) (δ : nat -> matrix) (l : nat).
Let h := outputs σ d x W b.
Hypothesis Hl : (1 <= l <= D)%nat.
Hypothesis HD : δ D = fun s j => (h D s j - y s j) / INR n.
Hypothesis Hδ : forall m s i, (1 <= m < D)%nat ->
  δ m s i = mul (d (S m)) (δ (S m)) (W (S m))^T s i * h m s i * (1 - h m s i).

(* What network.v asks for: slopes, way back, and the start. *)
Lemma rows_hold : let z := scores σ d x W b D in
  has_slopes σ (fun z => σ z * (1 - σ z)) n d x W b D /\
  goes_back σ (fun z => σ z * (1 - σ z)) n d x W b D δ /\
  gradient2 n (d D) (fun z => bce_mean n (d D) y (fun s j => σ (z s j))) z (δ D).
Proof.
  split; [| split].
  - intros m s j _ _ _; apply eq_4_2.
  - intros [| m] s i Hm _ _; [lia |].
    rewrite Hδ by auto; unfold h, scores; simpl; ring.
  - rewrite HD; destruct D as [| m]; [lia |]; apply eq_4_13.
Qed.

(* The gradient by the weights of layer l. *)
Theorem eq_4_14_weights : gradient2 (d (pred l)) (d l)
  (fun V => bce_mean n (d D) y (outputs σ d x (replace_layer W l V) b D)) (W l)
  (mul n (h (pred l))^T (δ l)).
Proof.
  destruct rows_hold as [H1 [H2 H3]].
  assert (G := network_weights σ _ n d x W b D _ δ l Hl H1 H2 H3).
  destruct D as [| m]; [lia | exact G].
Qed.

(* And by its biases. *)
Theorem eq_4_15 : gradient (d l)
  (fun v => bce_mean n (d D) y (outputs σ d x W (replace_layer b l v) D)) (b l)
  (fun j => ∑_(s < n) δ l s j).
Proof.
  destruct rows_hold as [H1 [H2 H3]].
  assert (G := network_biases σ _ n d x W b D _ δ l Hl H1 H2 H3).
  destruct D as [| m]; [lia | exact G].
Qed.
End Rows.

(* * The loss from the logit, and what a sigmoid lets through *)

(* The loss from the logit. *)
Theorem eq_4_16 y z :
  bce y (σ z) = Rmax z 0 - y * z + ln (1 + exp (- Rabs z)).
Proof.
  assert (H := exp_pos z); assert (H' := exp_pos (- z)).
  assert (E : exp z * exp (- z) = 1).
  { rewrite <- exp_plus; replace (z + - z) with 0 by ring; apply exp_0. }
  assert (A : ln (σ z) = - ln (1 + exp (- z))).
  { unfold σ, Rdiv; rewrite Rmult_1_l, ln_Rinv; lra. }
  assert (B : ln (1 - σ z) = - z - ln (1 + exp (- z))).
  { replace (1 - σ z) with (exp (- z) * / (1 + exp (- z))) by (unfold σ; field; lra).
    rewrite ln_mult, ln_exp, ln_Rinv; try lra; apply Rinv_0_lt_compat; lra. }
  unfold bce; rewrite A, B; destruct (Rle_dec 0 z).
  - rewrite Rmax_left, Rabs_pos_eq by lra; ring.
  - rewrite Rmax_right, Rabs_left, Ropp_involutive by lra.
    replace (1 + exp (- z)) with (exp (- z) * (1 + exp z)) by lra.
    rewrite ln_mult, ln_exp by lra; ring.
Qed.

(* The sigmoid's slope is at most a quarter. *)
Theorem eq_4_17 z : σ z * (1 - σ z) <= 1 / 4.
Proof. generalize (pow2_ge_0 (σ z - 1 / 2)); lra. Qed.

(* The root of the sum of all squares, of a vector and of a matrix. *)
Definition norm (k : nat) (v : vector) : R := sqrt (∑_(j < k) v j ^ 2).
Definition norm_all (n k : nat) (A : matrix) : R :=
  sqrt (∑_(s < n) ∑_(j < k) A s j ^ 2).

(* W, of m rows and k columns, stretches nothing by more than c. The largest singular
   value of W is the smallest such c. *)
Definition stretches (m k : nat) (W : matrix) (c : R) : Prop :=
  0 <= c /\ forall v, norm m (mulv k W v) <= c * norm k v.

(* The same for squares of lengths. *)
Lemma stretches_squares m k W c v : stretches m k W c ->
  ∑_(i < m) mulv k W v i ^ 2 <= c ^ 2 * ∑_(j < k) v j ^ 2.
Proof.
  intros [Hc H]; specialize (H v); unfold norm in H.
  assert (P : forall n f, 0 <= ∑_(i < n) f i ^ 2)
    by (intros; apply sum_nonneg; intros; apply pow2_ge_0).
  rewrite <- (pow2_sqrt (∑_(i < m) mulv k W v i ^ 2)) by apply P.
  rewrite <- (pow2_sqrt (∑_(j < k) v j ^ 2)) by apply P.
  rewrite <- Rpow_mult_distr; apply pow_incr; split; [apply sqrt_pos | exact H].
Qed.

(* A layer hands down at most a quarter of c times what it was handed. *)
Theorem eq_4_18 n m k W c δ' a : stretches m k W c ->
  let h := fun s i => σ (a s i) in
  let δ := fun s i => mul k δ' W^T s i * h s i * (1 - h s i) in
  norm_all n m δ <= 1 / 4 * c * norm_all n k δ'.
Proof.
  intros HW h δ; assert (Hc := proj1 HW); unfold norm_all.
  replace (1 / 4 * c) with (sqrt ((1 / 4 * c) ^ 2)) by (apply sqrt_pow2; lra).
  rewrite <- sqrt_mult_alt by apply pow2_ge_0.
  apply sqrt_le_1_alt; rewrite <- sum_scal; apply sum_le; intros s _.
  apply Rle_trans with (1 / 16 * ∑_(i < m) mulv k W (δ' s) i ^ 2).
  - rewrite <- sum_scal; apply sum_le; intros i _.
    replace (δ s i) with (mulv k W (δ' s) i * (h s i * (1 - h s i))).
    + assert (H := eq_4_17 (a s i)); fold (h s i) in H.
      assert (H' := σ_range (a s i)); fold (h s i) in H'.
      rewrite Rpow_mult_distr, Rmult_comm; apply Rmult_le_compat_r; [apply pow2_ge_0 |].
      replace (1 / 16) with ((1 / 4) ^ 2) by field; apply pow_incr; split; auto.
      apply Rmult_le_pos; lra.
    + unfold δ, mulv, mul, transpose.
      rewrite (sum_ext k _ (fun l => δ' s l * W i l)) by (intros; ring); ring.
  - generalize (stretches_squares m k W c (δ' s) HW); lra.
Qed.
