(* Means over all ways in which chance can fall: the masks of dropout (chapter 9), the
   random signs of weights (chapters 5 and 7), the batches of an epoch (chapter 8). *)

From Coq Require Export List FunctionalExtensionality.
From Proved Require Import sums.

(* The sum and the product of F over the members of a list. *)
Definition sum_over {T : Type} (l : list T) (F : T -> R) : R :=
  fold_right (fun a s => F a + s) 0 l.
Definition prod_over {T : Type} (l : list T) (F : T -> R) : R :=
  fold_right (fun a s => F a * s) 1 l.

(* All masks of m coins, which show 0 or 1 each: those of m - 1 coins, with a 0 and with
   a 1 for the last. There are 2^m. *)
Fixpoint masks (m : nat) : list vector :=
  match m with
  | O => (fun _ => 0) :: nil
  | S k => map (fun ζ => change ζ k 0) (masks k)
           ++ map (fun ζ => change ζ k 1) (masks k)
  end.

(* How likely a mask is, where each coin, on its own, shows 0 with the chance θ. *)
Definition chance (m : nat) (θ : R) (ζ : vector) : R :=
  prod m (fun i => (1 - θ) * ζ i + θ * (1 - ζ i)).

(* The mean over chance of a quantity F of the mask. *)
Definition expect (m : nat) (θ : R) (F : vector -> R) : R :=
  sum_over (masks m) (fun ζ => chance m θ ζ * F ζ).

(* * Sums over lists *)

(* Two lists, one after the other. *)
Lemma sum_over_app {T} (l l' : list T) F :
  sum_over (l ++ l') F = sum_over l F + sum_over l' F.
Proof. induction l; simpl; [| rewrite IHl]; ring. Qed.

(* A list of the values of g. *)
Lemma sum_over_map {T U} (l : list T) (g : T -> U) F :
  sum_over (map g l) F = sum_over l (fun a => F (g a)).
Proof. induction l; simpl; [| rewrite IHl]; auto. Qed.

(* Equal terms, equal sums. *)
Lemma sum_over_ext {T} (l : list T) F G :
  (forall a, In a l -> F a = G a) -> sum_over l F = sum_over l G.
Proof.
  induction l; simpl; intros H; auto; rewrite H, IHl; auto.
Qed.

(* The sum of sums. *)
Lemma sum_over_plus {T} (l : list T) F G :
  sum_over l (fun a => F a + G a) = sum_over l F + sum_over l G.
Proof. induction l; simpl; [| rewrite IHl]; ring. Qed.

(* A constant factor stands before the sum. *)
Lemma sum_over_scal {T} (l : list T) c F :
  sum_over l (fun a => c * F a) = c * sum_over l F.
Proof. induction l; simpl; [| rewrite IHl]; ring. Qed.

(* Both kinds of sum may be taken in either order. *)
Lemma sum_over_sum {T} (l : list T) n (F : T -> vector) :
  sum_over l (fun a => ∑_(i < n) F a i) = ∑_(i < n) sum_over l (fun a => F a i).
Proof.
  induction l; simpl; [now rewrite sum_zero |]; now rewrite IHl, <- sum_plus.
Qed.

(* A constant, as often as the list is long. *)
Lemma sum_over_const {T} (l : list T) c : sum_over l (fun _ => c) = INR (length l) * c.
Proof.
  induction l; cbn [sum_over fold_right length]; [simpl; ring |].
  unfold sum_over in IHl; rewrite IHl, S_INR; ring.
Qed.

(* * Means over masks *)

(* There are 2^m masks. *)
Lemma masks_length m : length (masks m) = (2 ^ m)%nat.
Proof. induction m; simpl; auto; rewrite app_length, !map_length, IHm; lia. Qed.

(* Equal factors, equal products. *)
Lemma prod_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> prod n f = prod n g.
Proof. induction n; simpl; intros H; auto; rewrite IHn, H; auto. Qed.

(* The last coin multiplies the chance. *)
Lemma chance_change m θ ζ t :
  chance (S m) θ (change ζ m t) = chance m θ ζ * ((1 - θ) * t + θ * (1 - t)).
Proof.
  unfold chance; simpl; f_equal.
  - apply prod_ext; intros i Hi; unfold change; destruct (Nat.eq_dec i m); auto; lia.
  - unfold change; destruct (Nat.eq_dec m m); auto; lia.
Qed.

(* One coin after the other. *)
Lemma expect_S m θ F : expect (S m) θ F =
  θ * expect m θ (fun ζ => F (change ζ m 0))
  + (1 - θ) * expect m θ (fun ζ => F (change ζ m 1)).
Proof.
  unfold expect; simpl; rewrite sum_over_app, !sum_over_map, <- !sum_over_scal.
  f_equal; apply sum_over_ext; intros; rewrite chance_change; ring.
Qed.

(* The mean of a sum is the sum of the means. *)
Lemma expect_plus m θ F G :
  expect m θ (fun ζ => F ζ + G ζ) = expect m θ F + expect m θ G.
Proof.
  unfold expect; rewrite <- sum_over_plus; apply sum_over_ext; intros; ring.
Qed.

(* A constant factor stands before the mean. *)
Lemma expect_scal m θ c F : expect m θ (fun ζ => c * F ζ) = c * expect m θ F.
Proof.
  unfold expect; rewrite <- sum_over_scal; apply sum_over_ext; intros; ring.
Qed.

(* The chances add up to 1. *)
Lemma expect_const m θ c : expect m θ (fun _ => c) = c.
Proof.
  induction m; [unfold expect, chance; simpl; ring |].
  rewrite expect_S, IHm; ring.
Qed.

(* A quantity of one coin alone. *)
Lemma expect_one m θ f i : (i < m)%nat ->
  expect m θ (fun ζ => f (ζ i)) = (1 - θ) * f 1 + θ * f 0.
Proof.
  induction m; intros Hi; [lia |]; rewrite expect_S.
  destruct (Nat.eq_dec i m) as [-> |].
  - unfold change; destruct (Nat.eq_dec m m); [rewrite !expect_const; ring | lia].
  - unfold change; destruct (Nat.eq_dec i m); [lia |]; rewrite !IHm by lia; ring.
Qed.

(* * Random signs *)

(* The signs of m fair coins. *)
Definition sign_of (ζ : vector) : vector := fun i => 2 * ζ i - 1.

(* The mean over all 2^m choices of signs, each as likely as any other. *)
Definition mean_signs (m : nat) (F : vector -> R) : R :=
  1 / INR (2 ^ m) * sum_over (masks m) (fun ζ => F (sign_of ζ)).

(* Fair coins: every mask is as likely as any other. *)
Lemma chance_half m ζ : chance m (1 / 2) ζ = 1 / INR (2 ^ m).
Proof.
  unfold chance; induction m; simpl prod; [simpl; field |].
  rewrite IHm, Nat.pow_succ_r', mult_INR; simpl (INR 2); field.
  apply not_0_INR, Nat.pow_nonzero; lia.
Qed.

(* So the mean over signs is one over the masks of fair coins. *)
Lemma mean_signs_expect m F :
  mean_signs m F = expect m (1 / 2) (fun ζ => F (sign_of ζ)).
Proof.
  unfold mean_signs, expect; rewrite <- sum_over_scal; apply sum_over_ext; intros.
  now rewrite chance_half.
Qed.

(* A weighted sum of signs: all mixed products cancel. *)
Lemma mean_square_signs m x :
  mean_signs m (fun w => (∑_(i < m) x i * w i) ^ 2) = ∑_(i < m) x i ^ 2.
Proof.
  rewrite mean_signs_expect; induction m as [| m IHm]; cbn [sum].
  - rewrite expect_const; ring.
  - assert (E : forall t, expect m (1 / 2) (fun ζ =>
      (∑_(i < m) x i * sign_of (change ζ m t) i + x m * sign_of (change ζ m t) m) ^ 2) =
      expect m (1 / 2) (fun ζ => (∑_(i < m) x i * sign_of ζ i) ^ 2
        + (2 * x m * (2 * t - 1) * (∑_(i < m) x i * sign_of ζ i)
        + x m ^ 2 * (2 * t - 1) ^ 2))).
    { intros t; f_equal; apply functional_extensionality; intros ζ.
      rewrite (sum_ext m _ (fun i => x i * sign_of ζ i)).
      - unfold sign_of at 2, change; destruct (Nat.eq_dec m m); [ring | lia].
      - intros i Hi; unfold sign_of, change; destruct (Nat.eq_dec i m); [lia | auto]. }
    rewrite expect_S, !E, !expect_plus, !expect_scal, !expect_const, IHm; field.
Qed.

(* All signs turned: as likely as before. *)
Lemma mean_signs_opposite m F : (forall w w', (forall i, (i < m)%nat -> w i = w' i) ->
  F w = F w') -> mean_signs m (fun w => F (fun i => - w i)) = mean_signs m F.
Proof.
  rewrite !mean_signs_expect; revert F; induction m; intros F HF.
  - unfold expect; simpl; f_equal; f_equal; apply HF; intros; lia.
  - rewrite !expect_S.
    assert (E : forall t,
      expect m (1 / 2) (fun ζ => F (fun i => - sign_of (change ζ m t) i))
      = expect m (1 / 2) (fun ζ => F (sign_of (change ζ m (1 - t))))).
    { intros t; set (G := fun w => F (change w m (2 * (1 - t) - 1))).
      transitivity (expect m (1 / 2) (fun ζ => G (fun i => - sign_of ζ i))).
      - f_equal; apply functional_extensionality; intros ζ; apply HF; intros i Hi.
        unfold sign_of, change; destruct (Nat.eq_dec i m); ring.
      - rewrite IHm.
        + f_equal; apply functional_extensionality; intros ζ; apply HF; intros i Hi.
          unfold sign_of, change; destruct (Nat.eq_dec i m); ring.
        + intros w w' H; apply HF; intros i Hi; unfold change.
          destruct (Nat.eq_dec i m); auto; apply H; lia. }
    rewrite !E; replace (1 - 0) with 1 by ring; replace (1 - 1) with 0 by ring; field.
Qed.
