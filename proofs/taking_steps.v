(* Chapter 8: the learning rate, batches drawn without replacement, and Adam. *)

From Proved Require Import sums coins.

(* * The edge of the learning rate *)

(* A bowl with the curvature λ and its minimum at m. *)
Definition bowl (λ m w : R) : R := 1 / 2 * λ * (w - m) ^ 2.

Theorem eq_8_2 λ m w : derivative (bowl λ m) w (λ * (w - m)).
Proof.
  eapply derive_eq.
  - apply (derive_scal (fun w => (w - m) ^ 2)), (derive_square (fun w => w - m)).
    apply derive_minus; [apply derive_id | apply derive_const].
  - field.
Qed.

(* Descent on it, with the slope (8.2). *)
Definition descends (η λ m : R) (w : vector) : Prop :=
  forall t, w (S t) = w t - η * (λ * (w t - m)).

Theorem eq_8_3 η λ m w t : descends η λ m w ->
  w t - m = (1 - η * λ) ^ t * (w O - m).
Proof.
  intros H; induction t; [simpl; ring |].
  rewrite H; simpl; rewrite Rmult_assoc, <- IHt; ring.
Qed.

(* It reaches the minimum from every start exactly if the rate is below 2 / λ. *)
Theorem eq_8_3_edge η λ m : 0 < λ ->
  (forall w, descends η λ m w -> is_lim_seq w m) <-> 0 < η < 2 / λ.
Proof.
  intros Hλ; assert (Hq : Rabs (1 - η * λ) < 1 <-> 0 < η < 2 / λ).
  { assert (E : η < 2 / λ <-> η * λ < 2) by (split; intros; now apply Rlt_div_r).
    rewrite E; split.
    - intros H; apply Rabs_def2 in H; split; [| lra].
      apply Rmult_lt_reg_r with λ; lra.
    - intros [H1 H2]; assert (0 < η * λ) by now apply Rmult_lt_0_compat.
      apply Rabs_def1; lra. }
  rewrite <- Hq; set (q := 1 - η * λ) in *; split.
  - intros H; destruct (Rlt_dec (Rabs q) 1) as [| Hn]; auto; exfalso.
    assert (L : is_lim_seq (fun t => m + q ^ t) m).
    { apply H; intros t; unfold q; simpl; ring. }
    assert (Z : is_lim_seq (fun t => Rabs (q ^ t)) 0).
    { replace (Finite 0) with (Rbar_abs (Finite 0)) by (simpl; now rewrite Rabs_R0).
      apply is_lim_seq_abs, (is_lim_seq_ext (fun t => m + q ^ t - m)); [intros; ring |].
      replace (Finite 0) with (Finite (m - m)) by (f_equal; ring).
      apply is_lim_seq_minus'; [exact L | apply is_lim_seq_const]. }
    assert (C := is_lim_seq_le (fun _ => 1) _ 1 0
      (fun t => eq_ind_r _ (pow_R1_Rle (Rabs q) t ltac:(lra)) (eq_sym (RPow_abs q t)))
      (is_lim_seq_const 1) Z); simpl in C; lra.
  - intros H w Hw.
    apply (is_lim_seq_ext (fun t => m + q ^ t * (w O - m))).
    { intros t; unfold q; rewrite <- (eq_8_3 η λ m w t Hw); ring. }
    replace (Finite m) with (Finite (m + 0 * (w O - m))) by (f_equal; ring).
    apply is_lim_seq_plus'; [apply is_lim_seq_const |].
    apply is_lim_seq_mult'; [now apply is_lim_seq_geom | apply is_lim_seq_const].
Qed.

(* * Batches drawn without replacement *)

(* All batches of n out of the N samples 0, ..., N - 1: those without the last sample,
   and those with it. *)
Fixpoint batches (N n : nat) : list (list nat) :=
  match N, n with
  | _, O => nil :: nil
  | O, S _ => nil
  | S M, S m => batches M (S m) ++ map (cons M) (batches M m)
  end.

(* How many they are. *)
Fixpoint choose (N n : nat) : nat :=
  match N, n with
  | _, O => 1
  | O, S _ => 0
  | S M, S m => choose M (S m) + choose M m
  end.

Lemma batches_length N n : length (batches N n) = choose N n.
Proof.
  revert n; induction N; intros [| n]; simpl; auto.
  now rewrite app_length, map_length, !IHN.
Qed.

(* Every member has n samples, all different and all among the N. *)
Lemma batch_members N n B : In B (batches N n) ->
  length B = n /\ NoDup B /\ forall s, In s B -> (s < N)%nat.
Proof.
  revert n B; induction N; intros [| n] B HB; simpl in HB; try tauto.
  1, 2: destruct HB as [<- | []]; repeat split; [constructor | now intros s []].
  apply in_app_or in HB; destruct HB as [HB | HB].
  - destruct (IHN _ _ HB) as [H1 [H2 H3]]; repeat split; auto.
    intros s Hs; specialize (H3 s Hs); lia.
  - apply in_map_iff in HB; destruct HB as [C [<- HC]].
    destruct (IHN _ _ HC) as [H1 [H2 H3]]; repeat split; simpl; auto.
    + constructor; auto; intros H; specialize (H3 _ H); lia.
    + intros s [<- | Hs]; [lia | specialize (H3 s Hs); lia].
Qed.

Lemma choose_0 N : choose N 0 = 1%nat.
Proof. destruct N; auto. Qed.

Lemma choose_large N n : (N < n)%nat -> choose N n = O.
Proof.
  revert n; induction N; intros [| n] H; simpl; try lia.
  rewrite !IHN by lia; auto.
Qed.

Lemma choose_pos N n : (n <= N)%nat -> (0 < choose N n)%nat.
Proof.
  revert n; induction N; intros [| n] H; simpl; try lia.
  assert (0 < choose N n)%nat by (apply IHN; lia); lia.
Qed.

(* N times the batches that contain one given sample: each batch contains n. *)
Lemma choose_absorb N n : (S N * choose N n = S n * choose (S N) (S n))%nat.
Proof.
  revert n; induction N; intros n.
  - destruct n as [| [| n]]; simpl; lia.
  - destruct n as [| n].
    + assert (A := IHN O); rewrite choose_0 in *.
      change (choose (S (S N)) 1) with (choose (S N) 1 + choose (S N) 0)%nat.
      rewrite choose_0; lia.
    + assert (A := IHN (S n)); assert (B := IHN n).
      change (choose (S (S N)) (S (S n))) with
        (choose (S N) (S (S n)) + choose (S N) (S n))%nat.
      change (choose (S N) (S n)) with (choose N (S n) + choose N n)%nat in *.
      nia.
Qed.

(* The sum of f over the samples of a batch. *)
Definition total (f : vector) (B : list nat) : R := sum_over B f.

(* In how many batches a sample is, and in how many a pair of samples. *)
Definition with_one (N n : nat) : R :=
  match N, n with S M, S m => INR (choose M m) | _, _ => 0 end.
Definition with_two (N n : nat) : R :=
  match N, n with S (S M), S (S m) => INR (choose M m) | _, _ => 0 end.

Lemma pascal_one N n : (1 <= N)%nat ->
  with_one N (S n) + with_one N n = INR (choose N n).
Proof.
  destruct N as [| N]; [lia |]; intros _; destruct n as [| n]; simpl.
  - rewrite choose_0; simpl; ring.
  - now rewrite plus_INR.
Qed.

Lemma pascal_two N n : (2 <= N)%nat ->
  with_two N (S n) + with_two N n = with_one N n.
Proof.
  destruct N as [| [| N]]; try lia; intros _; destruct n as [| [| n]]; simpl.
  - ring.
  - rewrite choose_0; simpl; ring.
  - now rewrite plus_INR.
Qed.

Lemma sum_over_const {T} (l : list T) c : sum_over l (fun _ => c) = INR (length l) * c.
Proof.
  induction l; cbn [sum_over fold_right length]; [simpl; ring |].
  unfold sum_over in IHl; rewrite IHl, S_INR; ring.
Qed.

Lemma over_batches_S N n F : sum_over (batches (S N) (S n)) F =
  sum_over (batches N (S n)) F + sum_over (batches N n) (fun B => F (N :: B)).
Proof. simpl; now rewrite sum_over_app, sum_over_map. Qed.

(* Every sample is in as many batches as any other. *)
Lemma total_over_batches f N n :
  sum_over (batches N n) (total f) = with_one N n * ∑_(s < N) f s.
Proof.
  revert n; induction N; intros [| n]; try (unfold total; simpl; ring).
  rewrite over_batches_S, IHN.
  assert (E : sum_over (batches N n) (fun B => total f (N :: B)) =
    INR (choose N n) * f N + with_one N n * ∑_(s < N) f s).
  { rewrite <- IHN, <- batches_length, <- sum_over_const, <- sum_over_plus.
    reflexivity. }
  rewrite E; cbn [sum]; change (with_one (S N) (S n)) with (INR (choose N n)).
  destruct N as [| N]; [simpl sum; ring |].
  rewrite <- (pascal_one (S N) n) by lia; ring.
Qed.

(* Squares of totals: each sample with itself, and each pair of samples. *)
Lemma square_over_batches f N n :
  sum_over (batches N n) (fun B => total f B ^ 2) =
  with_one N n * ∑_(s < N) f s ^ 2
  + with_two N n * ((∑_(s < N) f s) ^ 2 - ∑_(s < N) f s ^ 2).
Proof.
  revert n; induction N; intros [| n]; try (unfold total; simpl; ring).
  { destruct N; unfold total; simpl; ring. }
  rewrite over_batches_S, IHN.
  assert (E : sum_over (batches N n) (fun B => total f (N :: B) ^ 2) =
    INR (choose N n) * f N ^ 2 + (2 * f N * (with_one N n * ∑_(s < N) f s)
    + sum_over (batches N n) (fun B => total f B ^ 2))).
  { rewrite <- total_over_batches, <- batches_length, <- sum_over_const.
    rewrite <- sum_over_scal, <- !sum_over_plus; apply sum_over_ext; intros B _.
    unfold total; simpl; ring. }
  rewrite E, IHN; cbn [sum]; change (with_one (S N) (S n)) with (INR (choose N n)).
  change (with_two (S N) (S n)) with (with_one N n).
  destruct N as [| [| N]]; [simpl sum; ring | |].
  - rewrite <- (pascal_one 1 n) by lia; cbn [sum]; ring.
  - rewrite <- (pascal_one (S (S N)) n), <- (pascal_two (S (S N)) n) by lia; ring.
Qed.

Lemma with_one_share N n : (1 <= n <= N)%nat ->
  with_one N n = INR n / INR N * INR (choose N n).
Proof.
  intros H; destruct N as [| N], n as [| n]; try lia.
  assert (A := f_equal INR (choose_absorb N n)); rewrite !mult_INR in A.
  assert (INR (S N) <> 0) by (apply not_0_INR; lia); unfold with_one.
  apply Rmult_eq_reg_l with (INR (S N)); auto; rewrite A; field; auto.
Qed.

Lemma with_two_share N n : (1 <= n <= N)%nat -> (2 <= N)%nat ->
  with_two N n = (INR n - 1) / (INR N - 1) * with_one N n.
Proof.
  intros H HN; destruct N as [| [| N]], n as [| n]; try lia.
  rewrite !S_INR; replace (INR N + 1 + 1 - 1) with (INR (S N)) by (rewrite S_INR; ring).
  replace (INR n + 1 - 1) with (INR n) by ring.
  destruct n as [| n]; [simpl; unfold Rdiv; ring |].
  change (with_two (S (S N)) (S (S n))) with (with_one (S N) (S n)).
  change (with_one (S (S N)) (S (S n))) with (INR (choose (S N) (S n))).
  apply with_one_share; lia.
Qed.

(* The mean over all batches of a quantity F of the batch. *)
Definition mean_over_batches (N n : nat) (F : list nat -> R) : R :=
  1 / INR (choose N n) * sum_over (batches N n) F.

(* Right on average; one coordinate of the gradients g of the N samples. *)
Theorem eq_8_4 N n (g : vector) : (1 <= n <= N)%nat ->
  mean_over_batches N n (fun B => 1 / INR n * total g B) = 1 / INR N * ∑_(s < N) g s.
Proof.
  intros H; unfold mean_over_batches.
  rewrite sum_over_scal, total_over_batches, with_one_share by auto; field.
  assert (0 < choose N n)%nat by (apply choose_pos; lia).
  repeat split; apply not_0_INR; lia.
Qed.

Lemma total_shift g c B : total (fun s => g s - c) B = total g B - INR (length B) * c.
Proof.
  unfold total; induction B; cbn [sum_over fold_right length]; [simpl; ring |].
  unfold sum_over in IHB; rewrite IHB, S_INR; ring.
Qed.

(* The noise of a batch drawn without replacement, for gradients with p coordinates. *)
Theorem eq_8_5 N n p (g : matrix) : (1 <= n <= N)%nat -> (2 <= N)%nat ->
  let mean := fun i => 1 / INR N * ∑_(s < N) g s i in
  let S2 := 1 / INR N * ∑_(s < N) ∑_(i < p) (g s i - mean i) ^ 2 in
  mean_over_batches N n (fun B =>
    ∑_(i < p) (1 / INR n * total (fun s => g s i) B - mean i) ^ 2) =
  S2 / INR n * ((INR N - INR n) / (INR N - 1)).
Proof.
  intros H HN mean S2; unfold mean_over_batches, S2.
  assert (C : INR (choose N n) <> 0)
    by (apply not_0_INR; generalize (choose_pos N n); lia).
  assert (Hn : INR n <> 0) by (apply not_0_INR; lia).
  assert (H1 : INR N - 1 <> 0) by (assert (A := le_INR 2 N HN); simpl in A; lra).
  assert (H0 : INR N <> 0) by (apply not_0_INR; lia).
  rewrite sum_over_sum, (sum_swap N p), <- !sum_scal; unfold Rdiv at 3.
  rewrite <- !sum_scal_r; apply sum_ext; intros i _.
  set (e := fun s => g s i - mean i).
  rewrite (sum_over_ext _ _ (fun B => 1 / INR n ^ 2 * total e B ^ 2)).
  - rewrite sum_over_scal, square_over_batches, with_two_share by auto.
    assert (Z : ∑_(s < N) e s = 0).
    { unfold e; rewrite sum_minus, sum_const; unfold mean; field; auto. }
    rewrite Z, with_one_share by auto; unfold e; field; auto.
  - intros B HB; unfold e; rewrite total_shift.
    rewrite (proj1 (batch_members _ _ _ HB)); field; auto.
Qed.
