(* Chapter 7: a network of rectifiers, for every number of samples n, of layers D, all
   widths d and k classes. *)

From Proved Require Import sums network coins softmax_cross_entropy backprop_bce
  numpy_mnist.

Definition ρ (a : R) : R := Rmax a 0.

(* The bracket [a > 0]. *)
Definition positive (a : R) : R := if Rlt_dec 0 a then 1 else 0.

(* An output is positive exactly where its score is. *)
Lemma positive_ρ a : positive (ρ a) = positive a.
Proof.
  unfold positive, ρ; destruct (Rlt_dec 0 a).
  - rewrite Rmax_left by lra; destruct (Rlt_dec 0 a); lra.
  - rewrite Rmax_right by lra; destruct (Rlt_dec 0 0); lra.
Qed.

(* The slope, everywhere but at 0. *)
Theorem eq_7_2 a : a <> 0 -> derivative ρ a (positive a).
Proof.
  intros Ha; unfold positive, ρ; destruct (Rlt_dec 0 a).
  - apply is_derive_ext_loc with (fun t => t); [| apply derive_id].
    exists (mkposreal a r); intros t Ht; apply Rabs_def2 in Ht; simpl in Ht.
    unfold minus, plus, opp in Ht; simpl in Ht; rewrite Rmax_left; lra.
  - apply is_derive_ext_loc with (fun _ => 0); [| apply derive_const].
    assert (Hp : 0 < - a) by lra.
    exists (mkposreal (- a) Hp); intros t Ht; apply Rabs_def2 in Ht; simpl in Ht.
    unfold minus, plus, opp in Ht; simpl in Ht; rewrite Rmax_right; lra.
Qed.

(* Where the way back starts. *)
Theorem eq_7_4 n k y z : (forall s, (s < n)%nat -> ∑_(i < k) y s i = 1) ->
  let p := fun s => softmax k (z s) in
  gradient2 n k (loss n k y) z (fun s j => (p s j - y s j) / INR n).
Proof. apply eq_3_11. Qed.

(* One layer down, for any loss with the gradient δ' by the scores above: a are the
   scores of the layer, none of them 0, and h its outputs. *)
Theorem eq_7_5 n m k L a W b δ' :
  (forall s i, (s < n)%nat -> (i < m)%nat -> a s i <> 0) ->
  let h := fun s i => ρ (a s i) in
  gradient2 n k L (affine m h W b) δ' ->
  gradient2 n m (fun a => L (affine m (fun s i => ρ (a s i)) W b)) a
    (fun s i => mul k δ' W^T s i * positive (h s i)).
Proof.
  intros Ha h HL c v t Hc Hv; eapply derive_eq.
  - apply (activation_affine ρ positive n m k L a W b δ'); eauto.
    intros; apply eq_7_2; auto.
  - apply sum_ext; intros s _; apply sum_ext; intros i _; unfold h.
    now rewrite positive_ρ.
Qed.

(* All the way down, for each layer l, where no hidden score is 0. *)
Section Rows.
Variables (n : nat) (d : nat -> nat) (x : matrix) (W : nat -> matrix).
Variables (b : nat -> vector) (D : nat) (y : matrix) (δ : nat -> matrix) (l : nat).
Let h := outputs ρ d x W b.
Let z := scores ρ d x W b D.
Let p : matrix := fun s => softmax (d D) (z s).
Hypothesis Hl : (1 <= l <= D)%nat.
Hypothesis one_hot : forall s, (s < n)%nat -> ∑_(i < d D) y s i = 1.
Hypothesis no_kink : forall m s i, (1 <= m < D)%nat -> (s < n)%nat -> (i < d m)%nat ->
  scores ρ d x W b m s i <> 0.
Hypothesis HD : δ D = fun s j => (p s j - y s j) / INR n.
Hypothesis Hδ : forall m s i, (1 <= m < D)%nat ->
  δ m s i = mul (d (S m)) (δ (S m)) (W (S m))^T s i * positive (h m s i).

(* What network.v asks for: slopes, way back, and the start. *)
Lemma rows_hold : has_slopes ρ positive n d x W b D /\
  goes_back ρ positive n d x W b D δ /\ gradient2 n (d D) (loss n (d D) y) z (δ D).
Proof.
  split; [| split].
  - intros m s j Hm Hs Hj; apply eq_7_2; auto.
  - intros [| m] s i Hm _ _; [lia |].
    rewrite Hδ by auto; unfold h; simpl; now rewrite positive_ρ.
  - rewrite HD; now apply eq_7_4.
Qed.

(* The gradient by the weights of layer l. *)
Theorem eq_7_6 : gradient2 (d (pred l)) (d l)
  (fun V => loss n (d D) y (scores ρ d x (replace_layer W l V) b D)) (W l)
  (mul n (h (pred l))^T (δ l)).
Proof.
  destruct rows_hold as [H1 [H2 H3]].
  exact (network_weights ρ _ n d x W b D _ δ l Hl H1 H2 H3).
Qed.

(* And by its biases. *)
Theorem eq_7_7 : gradient (d l)
  (fun v => loss n (d D) y (scores ρ d x W (replace_layer b l v) D)) (b l)
  (fun j => ∑_(s < n) δ l s j).
Proof.
  destruct rows_hold as [H1 [H2 H3]].
  exact (network_biases ρ _ n d x W b D _ δ l Hl H1 H2 H3).
Qed.
End Rows.

(* * How large, and how fast *)

(* Of a score and its opposite, one is cut to zero. *)
Lemma ρ_squares a : ρ a ^ 2 + ρ (- a) ^ 2 = a ^ 2.
Proof.
  unfold ρ; destruct (Rle_dec 0 a).
  - rewrite Rmax_left, Rmax_right by lra; ring.
  - rewrite Rmax_right, Rmax_left by lra; ring.
Qed.

(* The mean square after a rectifier, over weights that are as likely as their
   opposites. *)
Theorem eq_7_8 I E d x τ : is_mean I E -> uncorrelated I E d τ ->
  (forall F, I F ->
     I (fun w => F (fun i => - w i)) /\ E (fun w => F (fun i => - w i)) = E F) ->
  let F := fun w => ρ (∑_(i < d) x i * w i) ^ 2 in
  I F -> E F = τ ^ 2 / 2 * ∑_(i < d) x i ^ 2.
Proof.
  intros HE Hw Ho F HF; destruct (Ho F HF) as [HI Hm].
  assert (P := proj2 (proj1 (proj2 HE) _ _ HF HI)); cbv beta in P.
  replace (fun w => F w + F (fun i => - w i)) with (fun w => (∑_(i < d) x i * w i) ^ 2)
    in P; [rewrite (eq_5_6 I E d x τ HE Hw), Hm in P; lra |].
  apply functional_extensionality; intros w; unfold F.
  rewrite <- (ρ_squares (∑_(i < d) x i * w i)), <- sum_opp; do 3 f_equal.
  apply sum_ext; intros; ring.
Qed.

(* Weights of τ and -τ, all 2^d choices of signs alike. *)
Theorem eq_7_8_signs d x τ :
  mean_signs d (fun w => ρ (∑_(i < d) x i * (τ * w i)) ^ 2)
  = τ ^ 2 / 2 * ∑_(i < d) x i ^ 2.
Proof.
  set (F := fun w => ρ (∑_(i < d) x i * (τ * w i)) ^ 2).
  assert (Ho : mean_signs d (fun w => F (fun i => - w i)) = mean_signs d F).
  { apply mean_signs_opposite; intros w w' H; unfold F; do 2 f_equal.
    apply sum_ext; intros; now rewrite H. }
  assert (P : mean_signs d (fun w => F w + F (fun i => - w i)) =
    mean_signs d F + mean_signs d (fun w => F (fun i => - w i)))
    by (rewrite !mean_signs_expect; apply expect_plus).
  rewrite Ho in P; assert (H := eq_5_6_signs d x τ).
  replace (fun w => F w + F (fun i => - w i)) with
    (fun w => (∑_(i < d) x i * (τ * w i)) ^ 2) in P; [lra |].
  apply functional_extensionality; intros w; unfold F.
  rewrite <- ρ_squares, <- sum_opp; do 3 f_equal; apply sum_ext; intros; ring.
Qed.

(* The sum of the rates that fall in a straight line, over N steps. *)
Theorem eq_7_11 η0 N : (0 < N)%nat ->
  let η := fun t => η0 * (1 - INR t / INR N) in
  ∑_(t < N) η t = η0 * (INR N + 1) / 2.
Proof.
  intros HN η; assert (H : INR N <> 0) by (apply not_0_INR; lia).
  assert (G : forall n, ∑_(t < n) INR t = INR n * (INR n - 1) / 2).
  { induction n; cbn [sum]; [simpl; field | rewrite IHn, S_INR; field]. }
  unfold η; rewrite sum_scal, sum_minus, sum_const.
  unfold Rdiv at 1; rewrite sum_scal_r, G; field; auto.
Qed.

(* The length of the errors E, where it isn't 0. *)
Theorem eq_7_13 n k E : norm_all n k E <> 0 ->
  gradient2 n k (norm_all n k) E (fun s j => E s j / norm_all n k E).
Proof.
  intros HE c v t Hc Hv; unfold norm_all in *.
  assert (Hs : ∑_(s < n) ∑_(j < k) c t s j ^ 2 = ∑_(s < n) ∑_(j < k) E s j ^ 2).
  { apply sum_ext; intros; apply sum_ext; intros; now rewrite Hc. }
  set (Q := ∑_(s < n) ∑_(j < k) E s j ^ 2) in *.
  assert (HQ : 0 < Q).
  { assert (0 <= Q) by
      (apply sum_nonneg; intros; apply sum_nonneg; intros; apply pow2_ge_0).
    destruct (Req_dec Q 0) as [Z |]; [| lra]; rewrite Z, sqrt_0 in HE; lra. }
  eapply derive_eq.
  - apply (derive_comp sqrt (fun u => ∑_(s < n) ∑_(j < k) c u s j ^ 2) t
      (/ (2 * sqrt Q)) (∑_(s < n) ∑_(j < k) 2 * E s j * v s j)).
    + apply (derive_sum n (fun s u => ∑_(j < k) c u s j ^ 2)
        (fun s => ∑_(j < k) 2 * E s j * v s j)); intros s Hs'.
      apply (derive_sum k (fun j u => c u s j ^ 2)); intros j Hj.
      rewrite <- Hc by auto; apply (derive_square (fun u => c u s j)); auto.
    + rewrite Hs; apply is_derive_Reals, derivable_pt_lim_sqrt; auto.
  - rewrite <- sum_scal; apply sum_ext; intros; rewrite <- sum_scal.
    apply sum_ext; intros; field; auto.
Qed.
