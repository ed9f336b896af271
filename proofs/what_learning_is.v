(* Chapter 1: forward propagation, why linear layers collapse into one, and what kinks
   can do; for every number of layers D, all widths d and every number of places. *)

From Proved Require Import sums network bare_tensors.

(* Row s of a batch is, layer by layer, the column that sample s alone would give. *)
Theorem eq_1_3 φ d x W b l s j :
  outputs φ d x (fun l => (W l)^T) b l s j = outputs_column φ d (x s) W b l j.
Proof. apply row_is_column. Qed.

(* * Layers without an activation *)

(* A row v times a matrix of m rows. *)
Definition vmul (m : nat) (v : vector) (A : matrix) : vector :=
  fun j => ∑_(i < m) v i * A i j.

(* Two layers are one. *)
Theorem eq_1_4 d m x W1 b1 W2 b2 s j :
  affine m (affine d x W1 b1) W2 b2 s j =
  affine d x (mul m W1 W2) (fun j => vmul m b1 W2 j + b2 j) s j.
Proof.
  unfold affine, mul, vmul; rewrite <- Rplus_assoc; f_equal.
  rewrite (sum_ext d _ (fun i => ∑_(l < m) x s i * W1 i l * W2 l j)).
  - rewrite sum_swap, <- sum_plus; apply sum_ext; intros l _.
    rewrite sum_scal_r; ring.
  - intros i _; rewrite <- sum_scal; apply sum_ext; intros; ring.
Qed.

(* W_(l + 1) ... W_(l + k); without a factor it is the identity. *)
Fixpoint product (d : nat -> nat) (W : nat -> matrix) (l k : nat) : matrix :=
  match k with
  | O => same
  | S m => mul (d (l + m)%nat) (product d W l m) (W (S (l + m)))
  end.

(* The one weight matrix and the one bias of D layers. *)
Definition W_star d W (D : nat) : matrix := product d W 0 D.
Definition b_star d W b (D : nat) : vector := fun j =>
  ∑_(l < D) vmul (d (S l)) (b (S l)) (product d W (S l) (D - S l)) j.

(* And so are D layers. *)
Theorem eq_1_5 d x W b D s j : (j < d D)%nat ->
  outputs (fun z => z) d x W b D s j =
  affine (d O) x (W_star d W D) (b_star d W b D) s j.
Proof.
  revert j; induction D; intros j Hj.
  - unfold affine, mul, W_star, b_star; simpl.
    rewrite (sum_ext _ _ (fun i => [i == j] * x s i)) by (intros; ring).
    rewrite (sum_same _ j (x s)) by auto; ring.
  - transitivity (affine (d D) (affine (d O) x (W_star d W D) (b_star d W b D))
      (W (S D)) (b (S D)) s j).
    + simpl; unfold affine at 1 2; f_equal; apply sum_ext; intros; now rewrite IHD.
    + rewrite eq_1_4; unfold affine; f_equal; unfold b_star; cbn [sum]; f_equal.
      * unfold vmul at 1; rewrite (sum_ext (d D) _ (fun i => ∑_(l < D)
          vmul (d (S l)) (b (S l)) (product d W (S l) (D - S l)) i * W (S D) i j))
          by (intros; now rewrite sum_scal_r).
        rewrite sum_swap; apply sum_ext; intros l Hl.
        replace (S D - S l)%nat with (S (D - S l)) by lia; simpl product.
        replace (l + (D - S l))%nat with (pred D) by lia.
        replace (S (pred D)) with D by lia; unfold vmul, mul.
        rewrite (sum_ext (d (S l)) _ (fun i => ∑_(k < d D)
          b (S l) i * product d W (S l) (D - S l) i k * W (S D) k j)).
        -- rewrite sum_swap; apply sum_ext; intros; now rewrite sum_scal_r.
        -- intros; rewrite <- sum_scal; apply sum_ext; intros; ring.
      * rewrite Nat.sub_diag; unfold vmul; simpl.
        rewrite (sum_ext _ _ (fun i => [i == j] * b (S D) i)) by (intros; ring).
        now rewrite (sum_same _ j (b (S D))).
Qed.

(* An affine map, of d inputs, takes steps that cancel. *)
Theorem eq_1_6 d W c u v (j : nat) :
  let f := fun (x : vector) => vmul d x W j + c j in
  f u + f v = f (fun i => u i + v i) + f (fun _ => 0).
Proof.
  intros f; unfold f, vmul.
  rewrite (sum_ext d (fun i => (u i + v i) * _) (fun i => u i * W i j + v i * W i j))
    by (intros; ring).
  rewrite sum_plus, (sum_zero d (fun i => 0 * _)) by (intros; ring); ring.
Qed.

(* * A sum of kinks *)

(* Places t 0 < t 1 < ... < t m, and the slopes of the lines between the values there;
   slope i + 1 leads from place i to place i + 1. *)
Definition increasing (t : vector) (m : nat) : Prop :=
  forall i, (i < m)%nat -> t i < t (S i).
Definition slope (f : R -> R) (t : vector) (i : nat) : R :=
  (f (t i) - f (t (pred i))) / (t i - t (pred i)).

Definition kinks (f : R -> R) (t : vector) (m : nat) (x : R) : R :=
  f (t O) + slope f t 1 * ρ (x - t O)
  + ∑_(i < pred m) (slope f t (S (S i)) - slope f t (S i)) * ρ (x - t (S i)).

(* Later places lie further right. *)
Lemma increasing_le t m i j : increasing t m -> (i <= j <= m)%nat -> t i <= t j.
Proof.
  intros H; induction j; intros Hij; [replace i with O by lia; lra |].
  destruct (Nat.eq_dec i (S j)) as [-> |]; [lra |].
  apply Rle_trans with (t j); [apply IHj; lia | left; apply H; lia].
Qed.

(* The kinks up to place k, written out. *)
Lemma first_kinks f t m k x : increasing t m -> (k < m)%nat ->
  f (t O) + slope f t 1 * (x - t O)
  + ∑_(i < k) (slope f t (S (S i)) - slope f t (S i)) * (x - t (S i)) =
  f (t k) + slope f t (S k) * (x - t k).
Proof.
  intros H; induction k; intros Hk; cbn [sum]; [ring |].
  rewrite <- Rplus_assoc, IHk by lia.
  assert (E : slope f t (S k) * (t (S k) - t k) = f (t (S k)) - f (t k)).
  { unfold slope; simpl; assert (t k < t (S k)) by (apply H; lia); field; lra. }
  replace (x - t k) with (x - t (S k) + (t (S k) - t k)) by ring.
  rewrite Rmult_plus_distr_l, E; ring.
Qed.

(* Between two places the network is the line through the two values there. *)
Theorem eq_1_7 f t m k x : increasing t m -> (k < m)%nat -> t k <= x <= t (S k) ->
  kinks f t m x = f (t k) + slope f t (S k) * (x - t k).
Proof.
  intros H Hk Hx; rewrite <- (first_kinks f t m) by auto; unfold kinks.
  assert (H0 : t O <= t k) by (apply (increasing_le t m); auto; lia).
  f_equal; [unfold ρ; rewrite Rmax_left; lra |].
  replace (pred m) with (k + (pred m - k))%nat by lia; rewrite sum_split.
  rewrite (sum_zero (pred m - k)), Rplus_0_r.
  - apply sum_ext; intros i Hi; unfold ρ; rewrite Rmax_left; auto.
    assert (t (S i) <= t k) by (apply (increasing_le t m); auto; lia); lra.
  - intros i Hi; unfold ρ; rewrite Rmax_right; [ring |].
    assert (t (S k) <= t (S (k + i))) by (apply (increasing_le t m); auto; lia); lra.
Qed.

(* Some two neighbors have x between them. *)
Lemma between t m x : increasing t m -> (0 < m)%nat -> t O <= x <= t m ->
  exists k, (k < m)%nat /\ t k <= x <= t (S k).
Proof.
  intros H Hm Hx; induction m; [lia |].
  destruct (Rle_dec (t m) x); [exists m; split; [lia | lra] |].
  destruct (Nat.eq_dec m 0) as [-> |]; [lra |].
  destruct IHm as [k Hk]; [| lia | lra |].
  - intros i Hi; apply H; lia.
  - exists k; split; [lia | apply Hk].
Qed.

(* For the parabola, with places Δ apart. *)
Theorem eq_1_8 t m Δ x : 0 < Δ -> (0 < m)%nat ->
  (forall i, (i < m)%nat -> t (S i) = t i + Δ) -> t O <= x <= t m ->
  Rabs (kinks (fun x => 1 / 2 * x ^ 2) t m x - 1 / 2 * x ^ 2) <= Δ ^ 2 / 8.
Proof.
  intros HΔ Hm Ht Hx.
  assert (H : increasing t m) by (intros i Hi; rewrite Ht by auto; lra).
  destruct (between t m x H Hm Hx) as [k [Hk Hxk]].
  rewrite (eq_1_7 _ t m k) by auto; unfold slope; simpl pred.
  rewrite Ht in * by auto; set (u := x - t k).
  replace (_ - 1 / 2 * x ^ 2) with (1 / 2 * u * (Δ - u)).
  - rewrite Rabs_pos_eq by (apply Rmult_le_pos; unfold u; lra).
    generalize (pow2_ge_0 (u - Δ / 2)); simpl; lra.
  - unfold u; field; lra.
Qed.
