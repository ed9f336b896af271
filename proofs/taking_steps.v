(* Chapter 8: the learning rate, batches drawn without replacement, and Adam. *)

From Coq Require Import Sorted FinFun.
From Proved Require Import sums coins.

(* * The edge of the learning rate *)

(* A bowl with the curvature λ and its minimum at m. *)
Definition bowl (λ m w : R) : R := 1 / 2 * λ * (w - m) ^ 2.

(* The slope of the bowl. *)
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

(* Every step multiplies the distance by the same factor. *)
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

(* As many as the binomial coefficient says, by Pascal's triangle. *)
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

(* Every set of n of the N samples, listed from the largest down, is among them. *)
Lemma batches_complete N n B : StronglySorted gt B -> length B = n ->
  (forall s, In s B -> (s < N)%nat) -> In B (batches N n).
Proof.
  revert n B; induction N; intros n B HB Hn Hs.
  - destruct B as [| a C]; [subst; simpl; auto |].
    specialize (Hs a (or_introl eq_refl)); lia.
  - destruct B as [| a C]; [subst; simpl; auto |].
    subst n; simpl; apply in_or_app; inversion HB as [| ? ? HC Ha]; subst.
    assert (Hlt : forall s, In s C -> (s < a)%nat)
      by (intros s Hin; apply (proj1 (Forall_forall _ _) Ha s Hin)).
    assert (Ha' := Hs a (or_introl eq_refl)).
    destruct (Nat.eq_dec a N) as [-> |]; [right; apply in_map, IHN; auto |].
    left; apply IHN; auto; intros s [<- | Hin]; [lia |].
    specialize (Hlt s Hin); lia.
Qed.

(* And none is listed twice. *)
Lemma batches_once N n : NoDup (batches N n).
Proof.
  assert (App : forall l l' : list (list nat), NoDup l -> NoDup l' ->
    (forall B, In B l -> ~ In B l') -> NoDup (l ++ l')).
  { induction l; simpl; intros l' H H' Hd; auto; inversion H; subst; constructor; auto.
    rewrite in_app_iff; intros [Hin | Hin]; [auto | now apply (Hd a); auto]. }
  revert n; induction N; intros [| n]; simpl.
  1, 2, 3: repeat constructor; intros [].
  apply App; auto.
  - apply FinFun.Injective_map_NoDup; auto; intros B C H; congruence.
  - intros B HB Hin; apply in_map_iff in Hin; destruct Hin as [C [<- _]].
    destruct (batch_members _ _ _ HB) as [_ [_ H]].
    specialize (H N (or_introl eq_refl)); lia.
Qed.

(* One batch has no samples. *)
Lemma choose_0 N : choose N 0 = 1%nat.
Proof. destruct N; auto. Qed.

(* There is a batch, if n isn't more than N. *)
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

(* Pascal's triangle, for the batches that contain one given sample. *)
Lemma pascal_one N n : (1 <= N)%nat ->
  with_one N (S n) + with_one N n = INR (choose N n).
Proof.
  destruct N as [| N]; [lia |]; intros _; destruct n as [| n]; simpl.
  - rewrite choose_0; simpl; ring.
  - now rewrite plus_INR.
Qed.

(* And for those that contain two. *)
Lemma pascal_two N n : (2 <= N)%nat ->
  with_two N (S n) + with_two N n = with_one N n.
Proof.
  destruct N as [| [| N]]; try lia; intros _; destruct n as [| [| n]]; simpl.
  - ring.
  - rewrite choose_0; simpl; ring.
  - now rewrite plus_INR.
Qed.

(* Batches without the last sample, and batches with it. *)
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

(* A sample is in n out of N batches. *)
Lemma with_one_share N n : (1 <= n <= N)%nat ->
  with_one N n = INR n / INR N * INR (choose N n).
Proof.
  intros H; destruct N as [| N], n as [| n]; try lia.
  assert (A := f_equal INR (choose_absorb N n)); rewrite !mult_INR in A.
  assert (INR (S N) <> 0) by (apply not_0_INR; lia); unfold with_one.
  apply Rmult_eq_reg_l with (INR (S N)); auto; rewrite A; field; auto.
Qed.

(* Of these, n - 1 out of N - 1 contain another given one. *)
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

(* A constant taken off each sample. *)
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

(* * Adam and RMSprop, entry by entry; g 1, g 2, ... are the gradients *)

(* The running mean that starts from 0 and keeps the share β in a step. *)
Fixpoint running (β : R) (g : vector) (t : nat) : R :=
  match t with O => 0 | S r => β * running β g r + (1 - β) * g t end.
Definition squares (g : vector) : vector := fun t => g t ^ 2.

(* Corrected for having started from 0. *)
Definition corrected (β : R) (g : vector) (t : nat) : R := running β g t / (1 - β ^ t).

Definition rmsprop (η α c : R) (g w : vector) : Prop := forall t,
  w (S t) = w t - η * (g (S t) / (sqrt (running α (squares g) (S t)) + c)).
Definition adam (η β1 β2 c : R) (g w : vector) : Prop := forall t,
  w (S t) = w t - η * (corrected β1 g (S t)
                       / (sqrt (corrected β2 (squares g) (S t)) + c)).
Definition adam_uncorrected (η β1 β2 c : R) (g w : vector) : Prop := forall t,
  w (S t) = w t - η * (running β1 g (S t) / (sqrt (running β2 (squares g) (S t)) + c)).

(* The gradient of step r has the weight (1 - β) β^(t - r). *)
Lemma running_sum β g t :
  running β g t = (1 - β) * ∑_(r < t) β ^ (t - S r) * g (S r).
Proof.
  induction t; [simpl; ring |]; cbn [running sum]; rewrite IHt, Nat.sub_diag.
  rewrite (sum_ext t (fun r => β ^ (S t - S r) * g (S r))
    (fun r => β * (β ^ (t - S r) * g (S r)))).
  - rewrite sum_scal; simpl; ring.
  - intros r Hr; replace (S t - S r)%nat with (S (t - S r)) by lia; simpl; ring.
Qed.

(* The weights add up to 1 - β^t. *)
Lemma weights_sum β t : (1 - β) * ∑_(r < t) β ^ (t - S r) = 1 - β ^ t.
Proof.
  assert (H := running_sum β (fun _ => 1) t).
  rewrite (sum_ext t _ (fun r => β ^ (t - S r))) in H by (intros; ring).
  rewrite <- H; clear H; induction t; [simpl; ring |].
  cbn [running]; rewrite IHt; simpl; ring.
Qed.

(* So the correction doesn't divide by zero. *)
Lemma pow_below_1 β t : 0 <= β < 1 -> β ^ S t < 1.
Proof.
  intros H; simpl; apply Rle_lt_trans with (β * 1); [| lra].
  apply Rmult_le_compat_l; [lra |]; rewrite <- (pow1 t); apply pow_incr; lra.
Qed.

(* The corrected mean is a true weighted mean of the gradients so far. *)
Theorem eq_8_8 β g t : 0 <= β < 1 -> (1 <= t)%nat ->
  corrected β g t =
  (∑_(r < t) β ^ (t - S r) * g (S r)) / ∑_(r < t) β ^ (t - S r).
Proof.
  intros Hβ Ht; unfold corrected; rewrite running_sum, <- weights_sum.
  destruct t as [| t]; [lia |]; assert (H := pow_below_1 β t Hβ).
  assert (W := weights_sum β (S t)).
  assert (∑_(r < S t) β ^ (S t - S r) <> 0) by (intros Z; rewrite Z in W; lra).
  field; split; [auto | lra].
Qed.

(* A number over its size is its sign. *)
Lemma sign_div x : x <> 0 -> x / Rabs x = sign x.
Proof.
  intros H; destruct (Rlt_dec 0 x).
  - rewrite sign_eq_1, Rabs_pos_eq by lra; field; lra.
  - rewrite sign_eq_m1, Rabs_left by lra; field; lra.
Qed.

(* The root of a square is the size. *)
Lemma sqrt_square x : sqrt (x ^ 2) = Rabs x.
Proof. rewrite <- sqrt_Rsqr_abs; f_equal; unfold Rsqr; ring. Qed.

(* The first step of Adam is as long as the rate. *)
Theorem eq_8_9 η β1 β2 g w : 0 <= β1 < 1 -> 0 <= β2 < 1 -> g 1%nat <> 0 ->
  adam η β1 β2 0 g w -> w 1%nat - w O = - η * sign (g 1%nat).
Proof.
  intros H1 H2 Hg Hw; rewrite Hw; unfold corrected, squares; cbn [running].
  replace ((β1 * 0 + (1 - β1) * g 1%nat) / (1 - β1 ^ 1)) with (g 1%nat) by (field; lra).
  replace ((β2 * 0 + (1 - β2) * g 1%nat ^ 2) / (1 - β2 ^ 1)) with (g 1%nat ^ 2)
    by (field; lra).
  rewrite sqrt_square, Rplus_0_r, sign_div by auto; ring.
Qed.

(* A first square that is scaled by a, and a first gradient by b. *)
Lemma first_step a b x : 0 < a -> x <> 0 ->
  b * x / (sqrt (a * x ^ 2) + 0) = b / sqrt a * sign x.
Proof.
  intros Ha Hx; rewrite Rplus_0_r, sqrt_mult, sqrt_square by (lra || apply pow2_ge_0).
  rewrite <- sign_div by auto; field; split; [now apply Rabs_no_R0 |].
  generalize (sqrt_lt_R0 a Ha); lra.
Qed.

(* That of RMSprop is longer. *)
Theorem eq_8_10 η α g w : 0 <= α < 1 -> g 1%nat <> 0 ->
  rmsprop η α 0 g w -> w 1%nat - w O = - (η / sqrt (1 - α)) * sign (g 1%nat).
Proof.
  intros H Hg Hw; rewrite Hw; unfold squares; cbn [running].
  replace (α * 0 + (1 - α) * g 1%nat ^ 2) with ((1 - α) * g 1%nat ^ 2) by ring.
  rewrite <- (Rmult_1_l (g 1%nat)) at 1; rewrite first_step by (lra || auto).
  field; generalize (sqrt_lt_R0 (1 - α)); lra.
Qed.

(* That of an Adam without the correction. *)
Theorem eq_8_11 η β1 β2 g w : 0 <= β2 < 1 -> g 1%nat <> 0 ->
  adam_uncorrected η β1 β2 0 g w ->
  w 1%nat - w O = - η * ((1 - β1) / sqrt (1 - β2)) * sign (g 1%nat).
Proof.
  intros H Hg Hw; rewrite Hw; unfold squares; cbn [running].
  replace (β1 * 0 + (1 - β1) * g 1%nat) with ((1 - β1) * g 1%nat) by ring.
  replace (β2 * 0 + (1 - β2) * g 1%nat ^ 2) with ((1 - β2) * g 1%nat ^ 2) by ring.
  rewrite first_step by (lra || auto); ring.
Qed.

(* A running mean of squares isn't negative. *)
Lemma running_nonneg β g t : 0 <= β < 1 -> 0 <= running β (squares g) t.
Proof.
  intros H; induction t; cbn [running]; [lra |]; unfold squares at 2.
  generalize (pow2_ge_0 (g (S t))); intros; apply Rplus_le_le_0_compat;
    apply Rmult_le_pos; lra.
Qed.

(* Adam without momentum is RMSprop, but for the factor that the correction leaves. *)
Theorem eq_8_12 η α g w t : 0 <= α < 1 -> (1 <= t)%nat ->
  let V := running α (squares g) in
  V t <> 0 -> adam η 0 α 0 g w ->
  w t - w (pred t) = - η * sqrt (1 - α ^ t) * (g t / sqrt (V t)).
Proof.
  intros Hα Ht V HV Hw; destruct t as [| t]; [lia |]; simpl pred; rewrite Hw.
  assert (P := pow_below_1 α t Hα); assert (Q := running_nonneg α g (S t) Hα).
  assert (M : corrected 0 g (S t) = g (S t)).
  { unfold corrected; cbn [running]; simpl pow; field. }
  rewrite M; unfold corrected; fold V; fold V in Q; rewrite Rplus_0_r.
  assert (HV' : 0 < sqrt (V (S t))) by (apply sqrt_lt_R0; lra).
  assert (HP : 0 < sqrt (1 - α ^ S t)) by (apply sqrt_lt_R0; lra).
  rewrite sqrt_div by lra; field; lra.
Qed.
