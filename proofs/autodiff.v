(* Chapter 6: automatic differentiation, for every graph, and the rules of its
   operations, for arrays of every size. *)

From Proved Require Import sums network coins.

(* * Graphs

   A graph of N nodes, in the order they are computed: node i is the operation op i
   applied to the nodes before it. A leaf's operation ignores them. *)
Fixpoint values (op : nat -> vector -> R) (N : nat) : vector :=
  match N with
  | O => fun _ => 0
  | S i => change (values op i) i (op i (values op i))
  end.

(* The graph in which node j is given the value t, and everything computed from it
   follows. *)
Definition nudged (op : nat -> vector -> R) (j : nat) (t : R) : nat -> vector -> R :=
  replace_layer op j (fun _ => t).

(* The loss is node e. The sweep from the last node to the first: each node hands its
   adjoint on to its operands, times the slope w i l of operation i by operand l. *)
Definition swept (N e : nat) (w : matrix) (adjoint : vector) : Prop :=
  forall j, (j < N)%nat -> adjoint j = [j == e] + ∑_(i < N) adjoint i * w i j.

Section Graph.
Variables (op : nat -> vector -> R) (N e : nat) (w : matrix).
Let q := values op N.
Hypothesis He : (e < N)%nat.
(* An operation looks only at nodes before it, and has a gradient by them. *)
Hypothesis Hbefore : forall i v v',
  (forall l, (l < i)%nat -> v l = v' l) -> op i v = op i v'.
Hypothesis Hop : forall i, (i < N)%nat -> gradient i (op i) q (w i).
Hypothesis Hlater : forall i l, (i <= l)%nat -> w i l = 0.

(* Nodes that come later change nothing. *)
Lemma values_stable op' n m i : (i < n <= m)%nat -> values op' m i = values op' n i.
Proof.
  intros H; induction m; [lia |]; destruct (Nat.eq_dec n (S m)) as [-> | Hn]; auto.
  simpl; unfold change; destruct (Nat.eq_dec i m); [lia | apply IHm; lia].
Qed.

(* A node's value, where the graph goes on. *)
Lemma values_node op' i : (i < N)%nat -> values op' N i = op' i (values op' i).
Proof.
  intros Hi; rewrite (values_stable op' (S i) N i) by lia; simpl; unfold change.
  destruct (Nat.eq_dec i i); [auto | lia].
Qed.

Section Node.
Variable j : nat.
Hypothesis Hj : (j < N)%nat.

(* How fast each node moves where node j is nudged: the way forward. *)
Let forward (i : nat) (v : vector) : R :=
  if Nat.eq_dec i j then 1 else ∑_(l < i) w i l * v l.
Let T := values forward N.

(* A node that is given the value it has changes nothing. *)
Lemma nudged_value i : (i < N)%nat -> values (nudged op j (q j)) N i = q i.
Proof.
  induction i as [i IH] using lt_wf_ind; intros Hi.
  rewrite values_node by auto; unfold nudged at 1, replace_layer.
  destruct (Nat.eq_dec i j) as [-> |]; auto; unfold q at 2; rewrite values_node by auto.
  apply Hbefore; intros l Hl; rewrite <- !(values_stable _ i N l) by lia.
  apply IH; lia.
Qed.

(* The way forward gives the slope of every node. *)
Lemma nudged_slope i : (i < N)%nat ->
  derivative (fun t => values (nudged op j t) N i) (q j) (T i).
Proof.
  induction i as [i IH] using lt_wf_ind; intros Hi; unfold T.
  apply (derive_ext (fun t => nudged op j t i (values (nudged op j t) i)));
    [intros; symmetry; now apply values_node |].
  rewrite values_node by auto; unfold forward at 1.
  unfold nudged at 1, replace_layer; destruct (Nat.eq_dec i j); [apply derive_id |].
  apply (Hop i Hi); intros l Hl.
  - rewrite <- (values_stable _ i N l) by lia; apply nudged_value; lia.
  - apply (derive_ext (fun t => values (nudged op j t) N l)).
    + intros; apply values_stable; lia.
    + rewrite <- (values_stable _ i N l) by lia; apply IH; lia.
Qed.

(* Nodes before j don't move. *)
Lemma T_zero i : (i < j)%nat -> T i = 0.
Proof.
  induction i as [i IH] using lt_wf_ind; intros Hi; unfold T.
  rewrite values_node by lia; unfold forward at 1; destruct (Nat.eq_dec i j); [lia |].
  apply sum_zero; intros l Hl; rewrite <- (values_stable _ i N l) by lia.
  fold T; rewrite IH by lia; ring.
Qed.

(* The way forward in one line, for nodes that j can reach and for those it can't. *)
Lemma T_equation i : (i < N)%nat -> T i = [i == j] + ∑_(l < N) w i l * T l.
Proof.
  induction i as [i IH] using lt_wf_ind; intros Hi.
  assert (E : ∑_(l < N) w i l * T l = ∑_(l < i) w i l * T l).
  { replace N with (i + (N - i))%nat at 1 by lia; rewrite sum_split.
    rewrite (sum_zero (N - i)); [ring |]; intros; rewrite Hlater by lia; ring. }
  assert (F : T i = if Nat.eq_dec i j then 1 else ∑_(l < i) w i l * T l).
  { unfold T; rewrite values_node by auto; unfold forward at 1.
    destruct (Nat.eq_dec i j); auto; apply sum_ext; intros l Hl.
    now rewrite <- (values_stable _ i N l) by lia. }
  rewrite E, F; unfold same; destruct (Nat.eq_dec i j) as [-> |]; [| ring].
  rewrite sum_zero; [ring |]; intros l Hl; rewrite T_zero by lia; ring.
Qed.

(* Where every node has handed its adjoint on, the adjoint of node j is the derivative
   of the loss by node j. *)
Lemma swept_slope adjoint : swept N e w adjoint ->
  derivative (fun t => values (nudged op j t) N e) (q j) (adjoint j).
Proof.
  intros Ha; eapply derive_eq; [now apply nudged_slope |].
  (* Multiply the two systems crosswise. *)
  assert (E : ∑_(i < N) adjoint i * (T i - ∑_(l < N) w i l * T l) = adjoint j).
  { rewrite (sum_ext N _ (fun i => [i == j] * adjoint i)).
    - now apply sum_same.
    - intros i Hi; rewrite (T_equation i) at 1 by auto; ring. }
  assert (F : ∑_(i < N) (adjoint i - ∑_(k < N) adjoint k * w k i) * T i = T e).
  { rewrite (sum_ext N _ (fun i => [i == e] * T i)).
    - now apply sum_same.
    - intros i Hi; rewrite (Ha i) at 1 by auto; ring. }
  rewrite <- E, <- F.
  rewrite (sum_ext N (fun i => (_ - _) * _) (fun i =>
    adjoint i * T i - ∑_(k < N) adjoint k * w k i * T i))
    by (intros; rewrite sum_scal_r; ring).
  rewrite (sum_ext N (fun i => _ * (_ - _)) (fun i =>
    adjoint i * T i - ∑_(l < N) adjoint i * w i l * T l)).
  - rewrite !sum_minus; f_equal; apply sum_swap.
  - intros i _; rewrite Rmult_minus_distr_l, <- sum_scal; f_equal.
    apply sum_ext; intros; ring.
Qed.
End Node.

(* The sweep can be made: from the last node down, k of them. *)
Lemma sweep_exists k : (k <= N)%nat -> exists adjoint, forall j, (N - k <= j < N)%nat ->
  adjoint j = [j == e] + ∑_(l < N) adjoint l * w l j.
Proof.
  induction k; intros Hk; [exists (fun _ => 0); intros; lia |].
  destruct IHk as [v Hv]; [lia |]; set (l := (N - S k)%nat).
  set (x := [l == e] + ∑_(i < N) v i * w i l); exists (change v l x); intros j Hj.
  rewrite (sum_ext N _ (fun i => v i * w i j)).
  - unfold change; destruct (Nat.eq_dec j l) as [-> |]; auto; apply Hv; lia.
  - intros i _; unfold change; destruct (Nat.eq_dec i l) as [-> |]; auto.
    rewrite Hlater by lia; ring.
Qed.

(* The derivatives of the loss by the nodes, everything computed from a node following,
   are the adjoints of the sweep, and nothing else is. *)
Theorem eq_6_2 adjoint :
  (forall j, (j < N)%nat ->
     derivative (fun t => values (nudged op j t) N e) (q j) (adjoint j)) <->
  swept N e w adjoint.
Proof.
  split; intros H; [| now intros; apply swept_slope].
  destruct (sweep_exists N) as [v Hv]; auto; rewrite Nat.sub_diag in Hv.
  assert (S : swept N e w v) by (intros j Hj; apply Hv; lia).
  assert (E : forall j, (j < N)%nat -> adjoint j = v j).
  { intros j Hj; rewrite <- (is_derive_unique _ _ _ (H j Hj)).
    now apply is_derive_unique, swept_slope. }
  intros j Hj; rewrite (sum_ext N _ (fun i => v i * w i j)) by (intros; now rewrite E).
  rewrite E by auto; now apply S.
Qed.

(* The tangents: every node has an input of its own, which moves at the speed u. A
   node's speed is that of its input and those of its operands, times the slopes by
   them. *)
Theorem eq_6_14 u tangent i :
  (forall k, (k < N)%nat -> tangent k = u k + ∑_(l < k) w k l * tangent l) ->
  (i < N)%nat ->
  derivative (fun t => values (fun k v => op k v + t * u k) N i) 0 (tangent i).
Proof.
  intros Ht; set (moved := fun t k (v : vector) => op k v + t * u k).
  assert (Start : forall k, (k < N)%nat -> values (moved 0) N k = q k).
  { induction k as [k IH] using lt_wf_ind; intros Hk; unfold q.
    rewrite !values_node by auto; unfold moved at 1.
    rewrite Rmult_0_l, Rplus_0_r; apply Hbefore; intros l Hl.
    rewrite <- !(values_stable _ k N l) by lia; apply IH; lia. }
  induction i as [i IH] using lt_wf_ind; intros Hi.
  apply (derive_ext (fun t => op i (values (moved t) i) + t * u i));
    [intros; symmetry; now apply values_node |].
  rewrite Ht, Rplus_comm by auto; apply derive_plus.
  - apply (Hop i Hi); intros l Hl.
    + rewrite <- (values_stable _ i N l) by lia; apply Start; lia.
    + apply (derive_ext (fun t => values (moved t) N l)).
      * intros; apply values_stable; lia.
      * apply IH; lia.
  - eapply derive_eq; [apply derive_scal_r, derive_id | ring].
Qed.
End Graph.

(* * Paths *)

(* The paths from node j to node e in a graph of N nodes, of at most k steps, each as
   the list of the nodes after j. *)
Fixpoint paths (N k e j : nat) : list (list nat) :=
  (if Nat.eq_dec j e then nil :: nil else nil) ++
  match k with
  | O => nil
  | S k => flat_map (fun i => map (cons i) (paths N k e i)) (seq (S j) (N - S j))
  end.

(* The product of the slopes along a path. *)
Fixpoint along (w : matrix) (j : nat) (path : list nat) : R :=
  match path with nil => 1 | i :: rest => along w i rest * w i j end.

(* A sum over lists that were put one after the other. *)
Lemma sum_over_flat_map {T U} (l : list T) (g : T -> list U) F :
  sum_over (flat_map g l) F = sum_over l (fun a => sum_over (g a) F).
Proof. induction l; simpl; auto; now rewrite sum_over_app, IHl. Qed.

(* A sum over the numbers from a on. *)
Lemma sum_over_seq a n f : sum_over (seq a n) f = ∑_(i < n) f (a + i)%nat.
Proof.
  revert a; induction n; intros a; [reflexivity |].
  rewrite sum_first, Nat.add_0_r; simpl; rewrite IHn; f_equal.
  apply sum_ext; intros; f_equal; lia.
Qed.

(* The sweep adds up what all paths from a node to the loss bring. *)
Theorem eq_6_2_paths N e w adjoint j : (j < N)%nat ->
  (forall i l, (i <= l)%nat -> w i l = 0) -> swept N e w adjoint ->
  adjoint j = sum_over (paths N N e j) (along w j).
Proof.
  intros Hj Hw Ha; assert (H : (N <= N + j)%nat) by lia.
  revert H; generalize N at 2 4 as k; intros k; revert j Hj; induction k; intros j Hj H.
  { lia. }
  rewrite (Ha j Hj); simpl; rewrite sum_over_app; f_equal.
  - unfold same; destruct (Nat.eq_dec j e); simpl; ring.
  - rewrite sum_over_flat_map, sum_over_seq.
    replace N with (S j + (N - S j))%nat at 1 by lia; rewrite sum_split.
    rewrite sum_zero, Rplus_0_l by (intros; rewrite Hw by lia; ring).
    apply sum_ext; intros i Hi; rewrite sum_over_map, IHk by lia.
    unfold along; fold along; generalize (paths N k e (S j + i)); intros l.
    induction l as [| p l IHl]; simpl in *; [ring | rewrite <- IHl; ring].
Qed.

(* * The program of the opening *)

(* One visit, and then two walks with one addition fewer behind them. *)
Fixpoint visits (N : nat) : nat :=
  match N with O => 1 | S M => 1 + visits M + visits M end.

(* So many visits with N additions behind a node. *)
Theorem eq_6_3 N : visits N = (2 ^ (N + 1) - 1)%nat.
Proof.
  assert (H : (visits N + 1 = 2 ^ (N + 1))%nat); [| lia].
  induction N; simpl in *; lia.
Qed.

(* * The rules of the operations

   In each, g is the gradient of any loss L by the result of the operation. *)

(* A function that works entry by entry, with the slope f'. *)
Lemma entrywise n k L (f : nat -> nat -> R -> R) f' A g :
  (forall i j, (i < n)%nat -> (j < k)%nat -> derivative (f i j) (A i j) (f' i j)) ->
  gradient2 n k L (fun i j => f i j (A i j)) g ->
  gradient2 n k (fun A => L (fun i j => f i j (A i j))) A (fun i j => g i j * f' i j).
Proof.
  intros Hf HL c v t Hc Hv; eapply derive_eq.
  - apply (HL (fun u i j => f i j (c u i j)) (fun i j => f' i j * v i j));
      intros i j Hi Hj.
    + now rewrite Hc.
    + apply (derive_comp (f i j)); auto; rewrite Hc; auto.
  - apply sum_ext; intros i _; apply sum_ext; intros; ring.
Qed.

(* Products, entry by entry. *)
Theorem eq_6_4 n k L A B g :
  gradient2 n k L (fun i j => A i j * B i j) g ->
  gradient2 n k (fun A => L (fun i j => A i j * B i j)) A (fun i j => g i j * B i j).
Proof.
  intros HL; apply (entrywise n k L (fun i j a => a * B i j) B); auto.
  intros; eapply derive_eq; [apply derive_scal_r, derive_id | ring].
Qed.

(* Powers of positive entries, with any constant exponent c. *)
Theorem eq_6_5 n k L A c g :
  (forall i j, (i < n)%nat -> (j < k)%nat -> 0 < A i j) ->
  gradient2 n k L (fun i j => Rpower (A i j) c) g ->
  gradient2 n k (fun A => L (fun i j => Rpower (A i j) c)) A
    (fun i j => g i j * (c * Rpower (A i j) (c - 1))).
Proof.
  intros HA HL; apply (entrywise n k L (fun _ _ a => Rpower a c)); auto.
  intros i j Hi Hj; apply is_derive_Reals, derivable_pt_lim_power; auto.
Qed.

(* For whole exponents, entries of any sign. *)
Theorem eq_6_5_whole n k L A (c : nat) g :
  gradient2 n k L (fun i j => A i j ^ c) g ->
  gradient2 n k (fun A => L (fun i j => A i j ^ c)) A
    (fun i j => g i j * (INR c * A i j ^ pred c)).
Proof.
  intros HL; apply (entrywise n k L (fun _ _ a => a ^ c)); auto.
  intros; apply is_derive_Reals, derivable_pt_lim_pow.
Qed.

(* For negative whole exponents, entries of either sign but not 0. *)
Theorem eq_6_5_negative n k L A (c : nat) g :
  (forall i j, (i < n)%nat -> (j < k)%nat -> A i j <> 0) ->
  gradient2 n k L (fun i j => / A i j ^ c) g ->
  gradient2 n k (fun A => L (fun i j => / A i j ^ c)) A
    (fun i j => g i j * (- INR c * / A i j ^ S c)).
Proof.
  intros HA HL; apply (entrywise n k L (fun _ _ a => / a ^ c)); auto.
  intros i j Hi Hj; assert (H := HA i j Hi Hj); eapply derive_eq.
  - apply (is_derive_inv (fun a => a ^ c)).
    + apply is_derive_Reals, derivable_pt_lim_pow.
    + now apply pow_nonzero.
  - destruct c as [| c]; [simpl; field; auto |].
    simpl pred; assert (P := pow_nonzero _ c H).
    rewrite <- !tech_pow_Rmult; field; auto.
Qed.

(* The exponential. *)
Theorem eq_6_6_exp n k L A g : let q := fun i j => exp (A i j) in
  gradient2 n k L q g ->
  gradient2 n k (fun A => L (fun i j => exp (A i j))) A (fun i j => g i j * q i j).
Proof.
  intros q HL; apply (entrywise n k L (fun _ _ => exp) q); auto.
  intros; apply derive_exp.
Qed.

(* The logarithm, of positive entries. *)
Theorem eq_6_6_ln n k L A g :
  (forall i j, (i < n)%nat -> (j < k)%nat -> 0 < A i j) ->
  gradient2 n k L (fun i j => ln (A i j)) g ->
  gradient2 n k (fun A => L (fun i j => ln (A i j))) A (fun i j => g i j * / A i j).
Proof.
  intros HA HL; apply (entrywise n k L (fun _ _ => ln)); auto.
  intros; apply derive_ln; auto.
Qed.

(* The hyperbolic tangent. *)
Theorem eq_6_6_tanh n k L A g : let q := fun i j => tanh (A i j) in
  gradient2 n k L q g ->
  gradient2 n k (fun A => L (fun i j => tanh (A i j))) A
    (fun i j => g i j * (1 - q i j ^ 2)).
Proof.
  intros q HL.
  apply (entrywise n k L (fun _ _ => tanh) (fun i j => 1 - q i j ^ 2)); auto.
  intros i j _ _; unfold q, tanh, sinh, cosh.
  assert (H := exp_pos (A i j)); assert (H' := exp_pos (- A i j)).
  unfold derivative; auto_derive; [lra |]; field; lra.
Qed.

(* Copies, in any arrangement: entry (i, j) of the result is a copy of entry r i j of A,
   which has m entries. It gets the sum over its copies. *)
Theorem eq_6_7 n k m L A (r : nat -> nat -> nat) g :
  (forall i j, (i < n)%nat -> (j < k)%nat -> (r i j < m)%nat) ->
  gradient2 n k L (fun i j => A (r i j)) g ->
  gradient m (fun A => L (fun i j => A (r i j))) A
    (fun l => ∑_(i < n) ∑_(j < k) [l == r i j] * g i j).
Proof.
  intros Hr HL c v t Hc Hv; eapply derive_eq.
  - apply (HL (fun u i j => c u (r i j)) (fun i j => v (r i j))); intros; auto.
  - symmetry; rewrite (sum_ext m _ (fun l =>
      ∑_(i < n) ∑_(j < k) [l == r i j] * (g i j * v l))).
    + rewrite sum_swap; apply sum_ext; intros i Hi; rewrite sum_swap.
      apply sum_ext; intros j Hj.
      now apply (sum_same m (r i j) (fun l => g i j * v l)); auto.
    + intros l _; rewrite <- sum_scal_r; apply sum_ext; intros i _.
      rewrite <- sum_scal_r; apply sum_ext; intros; ring.
Qed.

(* A row that is broadcast to n rows gets the sum over them. *)
Theorem eq_6_7_rows n k L (b : vector) g :
  gradient2 n k L (fun _ j => b j) g ->
  gradient k (fun b => L (fun _ j => b j)) b (fun j => ∑_(i < n) g i j).
Proof.
  intros HL c v t Hc Hv; eapply derive_eq.
  - apply (HL (fun u _ j => c u j) (fun _ j => v j)); auto.
  - rewrite sum_swap; apply sum_ext; intros; now rewrite sum_scal_r.
Qed.

(* Sums, of rows, of columns or of all: entry l of the result is the sum of the entries
   (i, j) of A with r i j = l. Each of them is handed the g of its sum. *)
Theorem eq_6_8 n k m L A (r : nat -> nat -> nat) g :
  (forall i j, (i < n)%nat -> (j < k)%nat -> (r i j < m)%nat) ->
  gradient m L (fun l => ∑_(i < n) ∑_(j < k) [l == r i j] * A i j) g ->
  gradient2 n k (fun A => L (fun l => ∑_(i < n) ∑_(j < k) [l == r i j] * A i j)) A
    (fun i j => g (r i j)).
Proof.
  intros Hr HL c v t Hc Hv; eapply derive_eq.
  - apply (HL (fun u l => ∑_(i < n) ∑_(j < k) [l == r i j] * c u i j)
      (fun l => ∑_(i < n) ∑_(j < k) [l == r i j] * v i j)); intros l Hl.
    + apply sum_ext; intros; apply sum_ext; intros; now rewrite Hc.
    + apply (derive_sum n (fun i u => ∑_(j < k) [l == r i j] * c u i j)); intros i Hi.
      apply (derive_sum k (fun j u => [l == r i j] * c u i j)); intros j Hj.
      apply derive_scal; auto.
  - rewrite (sum_ext m _ (fun l => ∑_(i < n) ∑_(j < k) [l == r i j] * (g l * v i j))).
    + rewrite sum_swap; apply sum_ext; intros i Hi; rewrite sum_swap.
      apply sum_ext; intros j Hj.
      now apply (sum_same m (r i j) (fun l => g l * v i j)); auto.
    + intros l _; rewrite <- sum_scal; apply sum_ext; intros i _.
      rewrite <- sum_scal; apply sum_ext; intros; ring.
Qed.

(* A sum of rows hands its g to each of them. *)
Theorem eq_6_8_rows n k L A g :
  gradient k L (fun j => ∑_(i < n) A i j) g ->
  gradient2 n k (fun A => L (fun j => ∑_(i < n) A i j)) A (fun _ j => g j).
Proof.
  intros HL c v t Hc Hv; eapply derive_eq.
  - apply (HL (fun u j => ∑_(i < n) c u i j) (fun j => ∑_(i < n) v i j)); intros j Hj.
    + apply sum_ext; intros; now rewrite Hc.
    + apply (derive_sum n (fun i u => c u i j)); auto.
  - rewrite sum_swap; apply sum_ext; intros; now rewrite sum_scal.
Qed.

(* A product of matrices is a layer without biases. *)
Lemma affine_no_bias d A B : affine d A B (fun _ => 0) = mul d A B.
Proof.
  apply functional_extensionality; intros i; apply functional_extensionality; intros j.
  unfold affine; ring.
Qed.

(* The product of matrices, by its left factor. *)
Theorem eq_6_9 n d k L A B g :
  gradient2 n k L (mul d A B) g ->
  gradient2 n d (fun A => L (mul d A B)) A (mul k g B^T).
Proof.
  intros HL c v t Hc Hv; rewrite <- affine_no_bias in HL.
  apply (derive_ext (fun u => L (affine d (c u) B (fun _ => 0))));
    [intros; now rewrite affine_no_bias |].
  now apply (affine_inputs n d k L A B (fun _ => 0) g HL).
Qed.

(* And by its right factor. *)
Theorem eq_6_10 n d k L A B g :
  gradient2 n k L (mul d A B) g ->
  gradient2 d k (fun B => L (mul d A B)) B (mul n A^T g).
Proof.
  intros HL c v t Hc Hv; rewrite <- affine_no_bias in HL.
  apply (derive_ext (fun u => L (affine d A (c u) (fun _ => 0))));
    [intros; now rewrite affine_no_bias |].
  now apply (affine_weights n d k L A B (fun _ => 0) g HL).
Qed.

(* Indexing: row i of the result is row r i of the m rows of A. *)
Theorem eq_6_11 n m k L A (r : nat -> nat) g :
  (forall i, (i < n)%nat -> (r i < m)%nat) ->
  gradient2 n k L (fun i => A (r i)) g ->
  let y := fun i j => [j == r i] in
  gradient2 m k (fun A => L (fun i => A (r i))) A (fun j l => ∑_(i < n) y i j * g i l).
Proof.
  intros Hr HL y c v t Hc Hv; eapply derive_eq.
  - apply (HL (fun u i => c u (r i)) (fun i => v (r i))); intros; auto.
  - rewrite (sum_ext n _ (fun i => ∑_(j < m) y i j * ∑_(l < k) g i l * v j l)).
    + rewrite sum_swap; apply sum_ext; intros j _.
      rewrite (sum_ext n _ (fun i => ∑_(l < k) y i j * g i l * v j l)).
      * rewrite sum_swap; apply sum_ext; intros; apply sum_scal_r.
      * intros; rewrite <- sum_scal; apply sum_ext; intros; ring.
    + intros i Hi; unfold y; symmetry.
      apply (sum_same m (r i) (fun j => ∑_(l < k) g i l * v j l)); auto.
Qed.
