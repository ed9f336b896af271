(* Chapter 5: a network with one hidden layer, for every number of samples n, inputs
   d, hidden units m and classes k. *)

From Proved Require Import sums network coins softmax_cross_entropy backprop_bce.

(* The slope of the sigmoid, which is (4.2). *)
Theorem eq_5_2 a : derivative σ a (σ a * (1 - σ a)).
Proof. apply eq_4_2. Qed.

Definition hidden (a : matrix) : matrix := fun s j => σ (a s j).
Definition logits (d m : nat) (x W1 : matrix) (b1 : vector) (W2 : matrix)
    (b2 : vector) : matrix :=
  affine m (hidden (affine d x W1 b1)) W2 b2.

(* The loss of a batch by its logits. *)
Definition loss (n k : nat) (y z : matrix) : R :=
  cross_entropy n k y (fun s => softmax k (z s)).

(* Back to the hidden scores a, for any loss with the gradient δ by the logits. *)
Theorem eq_5_3 n m k L W2 b2 a δ : let h := hidden a in
  gradient2 n k L (affine m h W2 b2) δ ->
  gradient2 n m (fun a => L (affine m (hidden a) W2 b2)) a
    (fun s j => mul k δ W2^T s j * h s j * (1 - h s j)).
Proof. apply eq_4_14. Qed.

(* And to the weights of the first layer. *)
Theorem eq_5_4 n d m k x y W1 b1 W2 b2 :
  (forall s, (s < n)%nat -> ∑_(i < k) y s i = 1) ->
  let h := hidden (affine d x W1 b1) in
  let p := fun s => softmax k (logits d m x W1 b1 W2 b2 s) in
  gradient2 d m (fun W1 => loss n k y (logits d m x W1 b1 W2 b2)) W1
    (fun i j => 1 / INR n * mul n x^T (fun s j =>
       mul k (fun s i => p s i - y s i) W2^T s j * h s j * (1 - h s j)) i j).
Proof.
  intros Hy h p c v t Hc Hv; eapply derive_eq.
  - apply (affine_weights n d m (fun a => loss n k y (affine m (hidden a) W2 b2))
      x W1 b1
      (fun s j => mul k (fun s i => (p s i - y s i) / INR n) W2^T s j
                  * h s j * (1 - h s j))); auto.
    apply eq_5_3, (eq_3_11 n k y); auto.
  - apply sum_ext; intros i _; apply sum_ext; intros j _; f_equal.
    unfold mul at 1 3; rewrite <- sum_scal; apply sum_ext; intros s _.
    unfold mul, Rdiv; rewrite (sum_ext k _ (fun l =>
      (p s l - y s l) * W2^T l j * / INR n)) by (intros; ring).
    rewrite sum_scal_r; ring.
Qed.

(* * Why not zero *)

(* π numbers m hidden units in another order, and ρ back. *)
Definition permutes (m : nat) (π ρ : nat -> nat) : Prop :=
  forall j, (j < m)%nat ->
  (π j < m)%nat /\ (ρ j < m)%nat /\ ρ (π j) = j /\ π (ρ j) = j.

(* A sum doesn't depend on the order of its terms. *)
Lemma sum_permuted m π ρ f : permutes m π ρ -> ∑_(j < m) f (π j) = ∑_(j < m) f j.
Proof.
  intros H.
  rewrite (sum_ext m _ (fun j => ∑_(i < m) [i == π j] * f i))
    by (intros j Hj; symmetry; apply sum_same; now apply H).
  rewrite sum_swap; apply sum_ext; intros i Hi.
  rewrite (sum_ext m _ (fun j => [j == ρ i] * f i)).
  - apply (sum_same m (ρ i) (fun _ => f i)); now apply H.
  - intros j Hj; f_equal; unfold same; destruct (H i Hi) as [_ [_ [_ Ei]]].
    destruct (H j Hj) as [_ [_ [Ej _]]].
    destruct (Nat.eq_dec i (π j)), (Nat.eq_dec j (ρ i)); congruence.
Qed.

(* Permute the columns of W1, the entries of b1 and the rows of W2 alike. The gradient G
   of any loss by W1 is then the old one, with permuted columns. *)
Theorem eq_5_5 d m x L π ρ W1 b1 W2 b2 G : permutes m π ρ ->
  gradient2 d m (fun W1 => L (logits d m x W1 b1 W2 b2)) W1 G ->
  gradient2 d m
    (fun W1 => L (logits d m x W1 (fun j => b1 (π j)) (fun j => W2 (π j)) b2))
    (fun i j => W1 i (π j)) (fun i j => G i (π j)).
Proof.
  intros H HG c v t Hc Hv.
  apply (derive_ext (fun u => L (logits d m x (fun i j => c u i (ρ j)) b1 W2 b2))).
  { intros u; f_equal; apply functional_extensionality; intros s.
    apply functional_extensionality; intros l; unfold logits, affine; f_equal.
    unfold mul at 1 3; rewrite <- (sum_permuted m π ρ) by auto.
    apply sum_ext; intros j Hj; unfold hidden, mul; do 3 f_equal.
    apply sum_ext; intros; destruct (H j Hj) as [_ [_ [E _]]]; now rewrite E. }
  eapply derive_eq.
  - apply (HG (fun u i j => c u i (ρ j)) (fun i j => v i (ρ j))); intros i j Hi Hj;
      destruct (H j Hj) as [_ [Hρ [_ E]]]; [| now apply Hv].
    rewrite Hc by auto; now rewrite E.
  - apply sum_ext; intros i _; rewrite <- (sum_permuted m π ρ) by auto.
    apply sum_ext; intros j Hj; destruct (H j Hj) as [_ [_ [E _]]]; now rewrite E.
Qed.

(* * How large *)

(* A mean over random weights, of the functions I of the weights that have one: of a sum
   it is the sum, and constant factors stay. *)
Definition is_mean (I : (vector -> R) -> Prop) (E : (vector -> R) -> R) : Prop :=
  I (fun _ => 0) /\
  (forall F G, I F -> I G ->
     I (fun w => F w + G w) /\ E (fun w => F w + G w) = E F + E G) /\
  (forall c F, I F -> I (fun w => c * F w) /\ E (fun w => c * F w) = c * E F).

(* The mean of a sum of n terms. *)
Lemma mean_sums I E n (F : nat -> vector -> R) : is_mean I E ->
  (forall i, (i < n)%nat -> I (F i)) ->
  I (fun w => ∑_(i < n) F i w) /\ E (fun w => ∑_(i < n) F i w) = ∑_(i < n) E (F i).
Proof.
  intros [H0 [HP HS]]; induction n; simpl; intros HF.
  - split; auto; transitivity (0 * E (fun _ => 0)); [| ring].
    rewrite <- (proj2 (HS 0 _ H0)); f_equal.
    apply functional_extensionality; intros; ring.
  - destruct IHn as [H E']; auto; rewrite <- E'; now apply HP; auto.
Qed.

(* d weights whose mixed products have the mean 0, and whose squares the mean τ². *)
Definition uncorrelated (I : (vector -> R) -> Prop) (E : (vector -> R) -> R)
  (d : nat) (τ : R) : Prop := forall i l, (i < d)%nat -> (l < d)%nat ->
  I (fun w => w i * w l) /\ E (fun w => w i * w l) = τ ^ 2 * [i == l].

(* The square of the score of one unit has a mean, and this is it. *)
Lemma mean_square I E d x τ : is_mean I E -> uncorrelated I E d τ ->
  I (fun w => (∑_(i < d) x i * w i) ^ 2) /\
  E (fun w => (∑_(i < d) x i * w i) ^ 2) = τ ^ 2 * ∑_(i < d) x i ^ 2.
Proof.
  intros HE Hw.
  replace (fun w => (∑_(i < d) x i * w i) ^ 2) with
    (fun w => ∑_(i < d) ∑_(l < d) x i * x l * (w i * w l)).
  - assert (H : forall i l, (i < d)%nat -> (l < d)%nat ->
      I (fun w => x i * x l * (w i * w l)) /\
      E (fun w => x i * x l * (w i * w l)) = [l == i] * (τ ^ 2 * (x i * x l))).
    { intros i l Hi Hl; destruct (Hw i l Hi Hl) as [HI HF].
      destruct (proj2 (proj2 HE) (x i * x l) _ HI) as [H ->]; split; auto.
      rewrite HF, same_sym; ring. }
    assert (G : forall i, (i < d)%nat ->
      I (fun w => ∑_(l < d) x i * x l * (w i * w l)) /\
      E (fun w => ∑_(l < d) x i * x l * (w i * w l)) = τ ^ 2 * x i ^ 2).
    { intros i Hi; destruct (mean_sums I E d (fun l w => x i * x l * (w i * w l)) HE)
        as [HI ->]; [intros; now apply H |]; split; auto.
      rewrite (sum_ext d _ (fun l => [l == i] * (τ ^ 2 * (x i * x l)))) by
        (intros; now apply H).
      rewrite (sum_same d i (fun l => τ ^ 2 * (x i * x l))) by auto; ring. }
    destruct (mean_sums I E d (fun i w => ∑_(l < d) x i * x l * (w i * w l)) HE)
      as [HI ->]; [intros; now apply G |]; split; auto.
    rewrite <- sum_scal; apply sum_ext; intros; now apply G.
  - apply functional_extensionality; intros w; simpl; rewrite Rmult_1_r, <- sum_scal_r.
    apply sum_ext; intros; rewrite <- sum_scal; apply sum_ext; intros; ring.
Qed.

(* The score of one unit. *)
Theorem eq_5_6 I E d x τ : is_mean I E -> uncorrelated I E d τ ->
  E (fun w => (∑_(i < d) x i * w i) ^ 2) = τ ^ 2 * ∑_(i < d) x i ^ 2.
Proof. apply mean_square. Qed.

(* Weights of τ and -τ, all 2^d choices of signs alike. *)
Theorem eq_5_6_signs d x τ :
  mean_signs d (fun w => (∑_(i < d) x i * (τ * w i)) ^ 2) = τ ^ 2 * ∑_(i < d) x i ^ 2.
Proof.
  rewrite <- sum_scal, (sum_ext d (fun i => τ ^ 2 * _) (fun i => (x i * τ) ^ 2))
    by (intros; ring).
  rewrite <- mean_square_signs; f_equal; apply functional_extensionality; intros w.
  f_equal; apply sum_ext; intros; ring.
Qed.

(* * Momentum *)

(* The velocity after t steps, with the gradients g 1, ..., g t. *)
Theorem eq_5_9 μ v g t :
  v O = 0 -> (forall t, v (S t) = μ * v t + g (S t)) ->
  v t = ∑_(r < t) μ ^ (t - S r) * g (S r).
Proof.
  intros H0 HS; induction t; [exact H0 |].
  rewrite HS, IHt; simpl; rewrite Nat.sub_diag, <- sum_scal; simpl.
  rewrite Rmult_1_l; f_equal; apply sum_ext; intros r Hr.
  replace (t - r)%nat with (S (t - S r)) by lia; simpl; ring.
Qed.
