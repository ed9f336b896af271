(* Chapter 17: slips of published documents, for every number of samples n, of classes k
   and of epochs. *)

From Proved Require Import sums softmax_cross_entropy.

(* The mean of the means of batches, F full ones of n samples and a last one of n',
   against the mean over all samples. *)
Theorem eq_17_1 F n n' (full : matrix) (last : vector) :
  (0 < F)%nat -> (0 < n)%nat -> (0 < n')%nat ->
  let N := (F * n + n')%nat in
  let L_full := 1 / INR (F * n) * ∑_(f < F) ∑_(s < n) full f s in
  let L_last := 1 / INR n' * ∑_(s < n') last s in
  let mean_of_means :=
    1 / INR (F + 1) * (∑_(f < F) (1 / INR n * ∑_(s < n) full f s) + L_last) in
  let mean := 1 / INR N * (∑_(f < F) ∑_(s < n) full f s + ∑_(s < n') last s) in
  mean_of_means - mean =
  INR F * (INR n - INR n') / ((INR F + 1) * INR N) * (L_last - L_full).
Proof.
  intros HF Hn Hn' N Lf Ll mm me; unfold mm, me, Lf, Ll, N.
  apply lt_0_INR in HF; apply lt_0_INR in Hn; apply lt_0_INR in Hn'.
  rewrite sum_scal, !plus_INR, !mult_INR; simpl (INR 1).
  assert (0 < INR F * INR n) by now apply Rmult_lt_0_compat.
  field; repeat split; lra.
Qed.

(* * Softmax twice *)

(* Between 0 and 1 the exponential lies below its chord. *)
Lemma exp_chord t : 0 <= t <= 1 -> exp t <= 1 + t * (exp 1 - 1).
Proof.
  intros Ht; destruct (Req_dec t 0) as [-> | H0]; [rewrite exp_0; lra |].
  destruct (Req_dec t 1) as [-> | H1]; [lra |].
  assert (D : forall a b, a < b -> exists c, a < c < b /\
    exp b - exp a = exp c * (b - a)).
  { intros a b Hab; destruct (MVT_cor2 exp exp a b Hab) as [c [E Hc]].
    - intros; apply derivable_pt_lim_exp.
    - exists c; auto. }
  destruct (D 0 t) as [c1 [Hc1 E1]]; [lra |].
  destruct (D t 1) as [c2 [Hc2 E2]]; [lra |].
  assert (exp c1 < exp c2) by (apply exp_increasing; lra).
  rewrite exp_0 in E1.
  assert (exp c1 * (t * (1 - t)) <= exp c2 * (t * (1 - t)))
    by (apply Rmult_le_compat_r; [apply Rmult_le_pos |]; lra).
  replace (exp 1) with (exp 1 - exp t + (exp t - 1) + 1) by ring.
  rewrite E1, E2; replace (exp t) with (exp t - 1 + 1) by ring; rewrite E1; lra.
Qed.

(* The ceiling, for one sample of class c, whose probabilities are p. *)
Lemma ceiling k p c : (c < k)%nat -> ∑_(j < k) p j = 1 ->
  (forall j, (j < k)%nat -> 0 <= p j) ->
  - ln (softmax k p c) <= ln (exp 1 + INR k - 1).
Proof.
  intros Hc Hs Hp; rewrite (eq_3_13 k p 0 c Hc).
  assert (H : ∑_(j < k) exp (p j - 0) <= exp 1 + INR k - 1).
  { apply Rle_trans with (∑_(j < k) (1 + p j * (exp 1 - 1))).
    - apply sum_le; intros j Hj; rewrite Rminus_0_r; apply exp_chord; split; auto.
      rewrite <- Hs; now apply sum_ge_term.
    - rewrite sum_plus, sum_const, sum_scal_r, Hs; lra. }
  apply ln_le in H; [generalize (Hp c Hc); lra |].
  apply (total_pos k (fun j => p j - 0) c Hc).
Qed.

(* The ceiling, for a batch of n samples of the classes c. *)
Theorem eq_17_2 n k p c : (0 < n)%nat ->
  (forall s, (s < n)%nat -> (c s < k)%nat /\ ∑_(j < k) p s j = 1 /\
    forall j, (j < k)%nat -> 0 <= p s j) ->
  let y := fun s i => [i == c s] in
  cross_entropy n k y (fun s => softmax k (p s)) <= ln (exp 1 + INR k - 1).
Proof.
  intros Hn H y; unfold cross_entropy, y.
  rewrite (sum_ext n _ (fun s => ln (softmax k (p s) (c s)))).
  2: { intros s Hs; apply (sum_same k (c s) (fun i => ln (softmax k (p s) i))), H, Hs. }
  assert (H' : INR n * - ln (exp 1 + INR k - 1) <=
    ∑_(s < n) ln (softmax k (p s) (c s))).
  { rewrite <- sum_const; apply sum_le; intros s Hs; destruct (H s Hs) as [H1 [H2 H3]].
    generalize (ceiling k (p s) (c s) H1 H2 H3); lra. }
  assert (0 < INR n) by (apply lt_0_INR; lia).
  apply Rmult_le_reg_l with (INR n); auto.
  replace (INR n * (- (1 / INR n) * _)) with
    (- ∑_(s < n) ln (softmax k (p s) (c s))) by (field; lra); lra.
Qed.

(* A network that is certain of class a, where one in k of the n samples has that
   class. *)
Theorem eq_17_3 n k a (c : nat -> nat) : (0 < n)%nat -> (a < k)%nat ->
  (forall s, (s < n)%nat -> (c s < k)%nat) ->
  INR k * ∑_(s < n) [a == c s] = INR n ->
  let y := fun s i => [i == c s] in
  cross_entropy n k y (fun _ => softmax k (fun j => [j == a])) =
  ln (exp 1 + INR k - 1) - 1 / INR k.
Proof.
  intros Hn Ha Hc Hs y; unfold cross_entropy, y.
  assert (Hk : INR k <> 0) by (apply not_0_INR; lia).
  assert (Hn' : INR n <> 0) by (apply not_0_INR; lia).
  rewrite (sum_ext n _ (fun s => [a == c s] - ln (exp 1 + INR k - 1))).
  - rewrite sum_minus, sum_const.
    replace (∑_(s < n) [a == c s]) with (INR n / INR k)
      by (rewrite <- Hs; field; auto); field; auto.
  - intros s Hs'; set (p := softmax k (fun j => [j == a])).
    rewrite (sum_same k (c s) (fun i => ln (p i))) by auto; unfold p.
    rewrite (eq_3_13 k _ 0) by auto; rewrite same_sym.
    rewrite (sum_ext k _ (fun j => [j == a] * (exp 1 - 1) + 1)).
    + rewrite sum_plus, (sum_same k a (fun _ => exp 1 - 1)), sum_const by auto.
      replace (exp 1 - 1 + INR k * 1) with (exp 1 + INR k - 1) by ring; ring.
    + intros j _; unfold same; destruct (Nat.eq_dec j a).
      * replace (1 - 0) with 1 by ring; ring.
      * rewrite Rminus_0_r, exp_0; ring.
Qed.

(* * The loss as it is printed, with a plus where a minus belongs *)

Definition printed (n k : nat) (y z : matrix) : R :=
  - ∑_(s < n) (∑_(i < k) y s i * z s i + ln (∑_(j < k) exp (z s j))).

(* A constant added to all logits. *)
Theorem eq_17_5 n k y z c : (0 < k)%nat ->
  (forall s, (s < n)%nat -> ∑_(i < k) y s i = 1) ->
  printed n k y (fun s j => z s j + c) = printed n k y z - 2 * INR n * c.
Proof.
  intros Hk Hy; unfold printed.
  rewrite (sum_ext n _ (fun s =>
    ∑_(i < k) y s i * z s i + ln (∑_(j < k) exp (z s j)) + 2 * c)).
  - rewrite sum_plus, sum_const; ring.
  - intros s Hs; rewrite (sum_ext k (fun i => y s i * (z s i + c))
      (fun i => y s i * z s i + y s i * c)) by (intros; ring).
    rewrite sum_plus, sum_scal_r, Hy by auto.
    rewrite (sum_ext k (fun j => exp (z s j + c)) (fun j => exp c * exp (z s j)))
      by (intros; rewrite exp_plus; ring).
    rewrite sum_scal, ln_mult, ln_exp by
      (apply exp_pos || apply (total_pos k (z s) 0 Hk)); ring.
Qed.

(* The slope of the logarithm where all logits move at once. *)
Lemma log_sum_exp_curve k (c : R -> vector) v t : (0 < k)%nat ->
  (forall j, (j < k)%nat -> derivative (fun u => c u j) t (v j)) ->
  derivative (fun u => ln (∑_(j < k) exp (c u j))) t
    (∑_(j < k) softmax k (c t) j * v j).
Proof.
  intros Hk Hv; eapply derive_eq.
  - apply (derive_comp ln (fun u => ∑_(j < k) exp (c u j))).
    + apply (derive_sum k (fun j u => exp (c u j)) (fun j => exp (c t j) * v j)).
      intros; apply (derive_comp exp); auto using derive_exp.
    + apply derive_ln, (total_pos k (c t) 0 Hk).
  - rewrite <- sum_scal; apply sum_ext; intros; unfold softmax, Rdiv; ring.
Qed.

(* The gradient of what is printed. *)
Theorem eq_17_6 n k y z : (0 < k)%nat ->
  let p := fun s => softmax k (z s) in
  gradient2 n k (printed n k y) z (fun s j => - (y s j + p s j)).
Proof.
  intros Hk p c v t Hc Hv; unfold printed.
  apply (derive_ext (fun u =>
    -1 * ∑_(s < n) (∑_(i < k) y s i * c u s i + ln (∑_(j < k) exp (c u s j)))));
    [intros; ring |].
  eapply derive_eq.
  - apply derive_scal, (derive_sum n (fun s u =>
      ∑_(i < k) y s i * c u s i + ln (∑_(j < k) exp (c u s j)))
      (fun s => ∑_(i < k) y s i * v s i + ∑_(j < k) softmax k (c t s) j * v s j)).
    intros s Hs; apply derive_plus.
    + apply (derive_sum k (fun i u => y s i * c u s i)); intros.
      apply derive_scal; auto.
    + apply (log_sum_exp_curve k (fun u => c u s)); auto.
  - rewrite <- sum_scal; apply sum_ext; intros s Hs; rewrite <- sum_plus, <- sum_scal.
    apply sum_ext; intros j Hj; unfold p.
    rewrite (softmax_ext k (c t s) (z s)) by auto; ring.
Qed.

(* * Two formulas for the exponential unit, and a sum of falling rates *)

Definition ELU (α x : R) : R := if Rlt_dec x 0 then α * (exp x - 1) else x.

(* The slope of the exponential unit, on both sides of 0. *)
Theorem eq_17_7 α x : x <> 0 ->
  derivative (ELU α) x (if Rlt_dec x 0 then ELU α x + α else 1).
Proof.
  intros Hx; unfold ELU; destruct (Rlt_dec x 0).
  - apply is_derive_ext_loc with (fun t => α * (exp t - 1)).
    + assert (Hp : 0 < - x) by lra; exists (mkposreal (- x) Hp); intros t Ht.
      apply Rabs_def2 in Ht; unfold minus, plus, opp in Ht; simpl in Ht.
      destruct (Rlt_dec t 0); [auto | lra].
    + eapply derive_eq; [apply derive_scal, derive_minus;
        [apply derive_exp | apply derive_const] | ring].
  - assert (Hp : 0 < x) by lra; apply is_derive_ext_loc with (fun t => t).
    + exists (mkposreal x Hp); intros t Ht.
      apply Rabs_def2 in Ht; unfold minus, plus, opp in Ht; simpl in Ht.
      destruct (Rlt_dec t 0); [lra | auto].
    + apply derive_id.
Qed.

(* The geometric sum. *)
Lemma geometric_sum γ P : (1 - γ) * ∑_(i < P) γ ^ i = 1 - γ ^ P.
Proof. induction P; simpl; [ring |]; rewrite Rmult_plus_distr_l, IHP; ring. Qed.

(* P levels of E epochs each, the rate times γ from one to the next. *)
Theorem eq_17_8 η0 γ E P : (0 < E)%nat -> γ <> 1 ->
  let η := fun t => η0 * γ ^ (t / E) in
  ∑_(t < P * E) η t = η0 * INR E * ((1 - γ ^ P) / (1 - γ)).
Proof.
  intros HE Hγ η; rewrite <- geometric_sum.
  transitivity (η0 * INR E * ∑_(i < P) γ ^ i); [| field; lra].
  induction P; [simpl; ring |].
  replace (S P * E)%nat with (P * E + E)%nat by (simpl; lia).
  rewrite sum_split, IHP; cbn [sum].
  rewrite (sum_ext E _ (fun _ => η0 * γ ^ P)); [rewrite sum_const; ring |].
  intros i Hi; unfold η; do 2 f_equal.
  rewrite Nat.add_comm, Nat.div_add, Nat.div_small by lia; lia.
Qed.
