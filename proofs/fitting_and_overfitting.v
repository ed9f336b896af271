(* Chapter 9: dropout, for every number of units m and of classes k. *)

From Proved Require Import sums coins softmax_cross_entropy.

(* The outputs h under the mask ζ, where a unit is dropped with the chance θ. *)
Definition dropped (θ : R) (h ζ : vector) : vector := fun i => ζ i * h i / (1 - θ).

(* Right on average. *)
Theorem eq_9_2 m θ h i : 0 <= θ < 1 -> (i < m)%nat ->
  expect m θ (fun ζ => dropped θ h ζ i) = h i.
Proof.
  intros Hθ Hi; unfold dropped.
  rewrite (expect_one m θ (fun z => z * h i / (1 - θ))) by auto; field; lra.
Qed.

(* The variance. *)
Theorem eq_9_3 m θ h i : 0 <= θ < 1 -> (i < m)%nat ->
  expect m θ (fun ζ => (dropped θ h ζ i - h i) ^ 2) = θ / (1 - θ) * h i ^ 2.
Proof.
  intros Hθ Hi; unfold dropped.
  rewrite (expect_one m θ (fun z => (z * h i / (1 - θ) - h i) ^ 2)) by auto; field; lra.
Qed.

(* * One layer under a softmax *)

(* The product over all masks, each p ζ raised to the chance of its mask. *)
Definition geometric (m : nat) (θ : R) (p : vector -> R) : R :=
  prod_over (masks m) (fun ζ => Rpower (p ζ) (chance m θ ζ)).

(* Its logarithm is the mean of the logarithms. *)
Lemma geometric_exp m θ p :
  geometric m θ p = exp (expect m θ (fun ζ => ln (p ζ))).
Proof.
  unfold geometric, expect; induction (masks m) as [| ζ l IH]; simpl.
  - now rewrite exp_0.
  - rewrite IH, exp_plus; reflexivity.
Qed.

(* The logits of the thinned outputs, of one sample. *)
Definition thinned (m : nat) (W : matrix) (b h : vector) : vector :=
  fun j => ∑_(i < m) h i * W i j + b j.

(* The mean of a sum of n terms. *)
Lemma expect_sum M θ n (F : nat -> vector -> R) :
  expect M θ (fun ζ => ∑_(i < n) F i ζ) = ∑_(i < n) expect M θ (F i).
Proof.
  induction n; simpl; [apply expect_const |]; now rewrite expect_plus, IHn.
Qed.

(* On average, thinned logits are those of the whole network. *)
Lemma expect_thinned m θ W b h j : 0 <= θ < 1 ->
  expect m θ (fun ζ => thinned m W b (dropped θ h ζ) j) = thinned m W b h j.
Proof.
  intros Hθ; unfold thinned; rewrite expect_plus, expect_const; f_equal.
  rewrite (expect_sum m θ m (fun i ζ => dropped θ h ζ i * W i j)); apply sum_ext.
  intros i Hi; transitivity (W i j * expect m θ (fun ζ => dropped θ h ζ i));
    [| rewrite eq_9_2 by auto; ring].
  rewrite <- expect_scal; f_equal; apply functional_extensionality; intros; ring.
Qed.

(* The geometric mean of the predictions of all thinned networks, made to add up to 1,
   is the prediction of the whole. *)
Theorem eq_9_4 m k θ W b h i : 0 <= θ < 1 -> (i < k)%nat ->
  let p := fun ζ => softmax k (thinned m W b (dropped θ h ζ)) in
  geometric m θ (fun ζ => p ζ i) / (∑_(j < k) geometric m θ (fun ζ => p ζ j)) =
  softmax k (thinned m W b h) i.
Proof.
  intros Hθ Hi p.
  set (K := expect m θ (fun ζ =>
    - ln (∑_(j < k) exp (thinned m W b (dropped θ h ζ) j - 0)))).
  assert (E : forall j, (j < k)%nat ->
    geometric m θ (fun ζ => p ζ j) = exp (thinned m W b h j + K)).
  { intros j Hj; rewrite geometric_exp, <- (expect_thinned m θ) by auto.
    unfold K; rewrite <- expect_plus; do 2 f_equal.
    apply functional_extensionality; intros ζ; unfold p.
    rewrite (eq_3_13 k _ 0) by auto; ring. }
  rewrite E, (sum_ext k _ (fun j => exp (thinned m W b h j + K))) by auto.
  apply (eq_3_2 k (thinned m W b h) K i Hi).
Qed.
