(* What all chapters share: finite sums, a change of one entry, and derivatives.

   A vector is a function of its index, x : nat -> R, and a matrix a function of two.
   Indices count from 0, so that a vector of n entries has x 0, ..., x (n - 1). *)

From Coq Require Export Reals Lra Lia Arith.
From Coquelicot Require Export Coquelicot.
Open Scope R_scope.
#[export] Set Bullet Behavior "Strict Subproofs".

Notation vector := (nat -> R).
Notation matrix := (nat -> nat -> R).

(* f 0 + f 1 + ... + f (n - 1); the empty sum is 0. *)
Fixpoint sum (n : nat) (f : vector) : R :=
  match n with O => 0 | S m => sum m f + f m end.
Notation "∑_( i < n ) F" := (sum n (fun i => F))
  (at level 35, i name, n at level 50, F at level 40,
   format "'∑_(' i  <  n )  F").

(* The product f 0 f 1 ... f (n - 1), and the largest of f 0, ..., f (n - 1). *)
Fixpoint prod (n : nat) (f : vector) : R :=
  match n with O => 1 | S m => prod m f * f m end.
Fixpoint largest (n : nat) (f : vector) : R :=
  match n with O => f O | S m => Rmax (largest m f) (f m) end.

(* The bracket of the book: 1 where the indices are the same, 0 elsewhere. *)
Definition same (i j : nat) : R := if Nat.eq_dec i j then 1 else 0.
Notation "[ i == j ]" := (same i j) (at level 0, i at level 50).

(* x with t in the place of entry j. *)
Definition change (x : vector) (j : nat) (t : R) : vector :=
  fun i => if Nat.eq_dec i j then t else x i.
Definition change2 (W : matrix) (i j : nat) (t : R) : matrix :=
  fun k l => if Nat.eq_dec k i then change (W k) j t l else W k l.

(* The product of matrices, over m columns of A and m rows of B; the transpose. *)
Definition mul (m : nat) (A B : matrix) : matrix :=
  fun i j => ∑_(l < m) A i l * B l j.
Definition transpose (A : matrix) : matrix := fun i j => A j i.
(* The same for a column x of m entries. *)
Definition mulv (m : nat) (A : matrix) (x : vector) : vector :=
  fun i => ∑_(l < m) A i l * x l.
Notation "A ^T" := (transpose A) (at level 2, left associativity, format "A ^T").

(* derivative f x l: at x, the function f of one number has the derivative l. *)
Definition derivative (f : R -> R) (x l : R) : Prop := is_derive f x l.

(* * Gradients

   g is the gradient of L at x if along every curve through x the chain rule holds:
   wherever the n entries have the slopes v, the loss has the slope Σ g_i v_i. That is
   more than n partial derivatives: x y / (x² + y²), with 0 at the origin, has both of
   them there, and no gradient. *)
Definition gradient (n : nat) (L : vector -> R) (x g : vector) : Prop :=
  forall (c : R -> vector) (v : vector) (t : R),
  (forall i, (i < n)%nat -> c t i = x i) ->
  (forall i, (i < n)%nat -> derivative (fun u => c u i) t (v i)) ->
  derivative (fun u => L (c u)) t (∑_(i < n) g i * v i).

(* The same for a loss of a matrix with n rows and k columns. *)
Definition gradient2 (n k : nat) (L : matrix -> R) (x g : matrix) : Prop :=
  forall (c : R -> matrix) (v : matrix) (t : R),
  (forall i j, (i < n)%nat -> (j < k)%nat -> c t i j = x i j) ->
  (forall i j, (i < n)%nat -> (j < k)%nat ->
     derivative (fun u => c u i j) t (v i j)) ->
  derivative (fun u => L (c u)) t (∑_(i < n) ∑_(j < k) g i j * v i j).

(* * Sums *)

(* Equal terms, equal sums. *)
Lemma sum_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> sum n f = sum n g.
Proof.
  induction n; simpl; intros H; auto.
  rewrite IHn, (H n) by auto; reflexivity.
Qed.

(* The sum of sums, of differences and of opposites. *)
Lemma sum_plus n f g : ∑_(i < n) (f i + g i) = ∑_(i < n) f i + ∑_(i < n) g i.
Proof. induction n; simpl; [| rewrite IHn]; ring. Qed.

Lemma sum_minus n f g : ∑_(i < n) (f i - g i) = ∑_(i < n) f i - ∑_(i < n) g i.
Proof. induction n; simpl; [| rewrite IHn]; ring. Qed.

(* A constant factor may stand before the sum, on its left or on its right. *)
Lemma sum_scal n c f : ∑_(i < n) c * f i = c * ∑_(i < n) f i.
Proof. induction n; simpl; [| rewrite IHn]; ring. Qed.

Lemma sum_scal_r n c f : ∑_(i < n) f i * c = (∑_(i < n) f i) * c.
Proof. induction n; simpl; [| rewrite IHn]; ring. Qed.

Lemma sum_opp n f : ∑_(i < n) - f i = - ∑_(i < n) f i.
Proof. induction n; simpl; [| rewrite IHn]; ring. Qed.

(* n equal terms; terms that are all zero. *)
Lemma sum_const n c : ∑_(_ < n) c = INR n * c.
Proof. induction n; [simpl | rewrite S_INR; simpl; rewrite IHn]; ring. Qed.

Lemma sum_zero n f : (forall i, (i < n)%nat -> f i = 0) -> sum n f = 0.
Proof. intros H; rewrite (sum_ext _ _ _ H), sum_const; ring. Qed.

(* Two sums may be taken in either order. *)
Lemma sum_swap n m (f : matrix) :
  ∑_(i < n) ∑_(j < m) f i j = ∑_(j < m) ∑_(i < n) f i j.
Proof.
  induction n; simpl.
  - now rewrite sum_zero.
  - now rewrite IHn, <- sum_plus.
Qed.

(* The bracket picks one term of a sum. *)
Lemma sum_same n j f : (j < n)%nat -> ∑_(i < n) [i == j] * f i = f j.
Proof.
  induction n; simpl; intros H; [lia |].
  destruct (Nat.eq_dec n j) as [<- |].
  - rewrite sum_zero; unfold same.
    + destruct (Nat.eq_dec n n); [ring | lia].
    + intros i Hi; destruct (Nat.eq_dec i n); [lia | ring].
  - rewrite IHn by lia; unfold same; destruct (Nat.eq_dec n j); [lia | ring].
Qed.

(* The bracket doesn't mind the order. *)
Lemma same_sym i j : [i == j] = [j == i].
Proof. unfold same; destruct (Nat.eq_dec i j), (Nat.eq_dec j i); congruence. Qed.

(* The first term apart; the first n terms apart. *)
Lemma sum_first n f : sum (S n) f = f O + ∑_(i < n) f (S i).
Proof. induction n; [simpl; ring |]. simpl in *; rewrite IHn; ring. Qed.

Lemma sum_split n m f : sum (n + m) f = sum n f + ∑_(i < m) f (n + i)%nat.
Proof.
  induction m; [rewrite Nat.add_0_r; simpl; ring |].
  rewrite Nat.add_succ_r; simpl; rewrite IHm; ring.
Qed.

(* Larger terms, larger sum; so sums of what isn't negative aren't either. *)
Lemma sum_le n f g : (forall i, (i < n)%nat -> f i <= g i) -> sum n f <= sum n g.
Proof.
  induction n; simpl; intros H; [lra |].
  apply Rplus_le_compat; auto.
Qed.

Lemma sum_nonneg n f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= sum n f.
Proof. intros H; rewrite <- (sum_zero n (fun _ => 0)); auto using sum_le. Qed.

(* A sum of terms that aren't negative is at least each of them. *)
Lemma sum_ge_term n f j :
  (forall i, (i < n)%nat -> 0 <= f i) -> (j < n)%nat -> f j <= sum n f.
Proof.
  induction n; simpl; intros H Hj; [lia |].
  destruct (Nat.eq_dec j n) as [-> |].
  - generalize (sum_nonneg n f ltac:(auto)); lra.
  - generalize (IHn ltac:(auto) ltac:(lia)), (H n ltac:(lia)); lra.
Qed.

(* A sum of one positive term or more is positive. *)
Lemma sum_pos n f :
  (0 < n)%nat -> (forall i, (i < n)%nat -> 0 < f i) -> 0 < sum n f.
Proof.
  intros Hn H; apply Rlt_le_trans with (f O); auto.
  apply sum_ge_term; auto; intros; left; auto.
Qed.

(* Squares that add up to zero are all zero. *)
Lemma sum_squares_zero n f :
  ∑_(i < n) f i ^ 2 = 0 -> forall i, (i < n)%nat -> f i = 0.
Proof.
  intros H i Hi.
  assert (f i ^ 2 <= 0) by
    (rewrite <- H; apply (sum_ge_term n (fun j => f j ^ 2)); auto;
     intros; apply pow2_ge_0).
  apply Rsqr_0_uniq; unfold Rsqr; generalize (pow2_ge_0 (f i)); simpl in *; lra.
Qed.

(* The largest is at least each, and at most what all are at most. *)
Lemma largest_ge n f i : (i < n)%nat -> f i <= largest n f.
Proof.
  induction n; simpl; intros H; [lia |].
  destruct (Nat.eq_dec i n) as [-> |]; [apply Rmax_r |].
  eapply Rle_trans; [apply IHn; lia | apply Rmax_l].
Qed.

Lemma largest_le n f M : (0 < n)%nat ->
  (forall i, (i < n)%nat -> f i <= M) -> largest n f <= M.
Proof.
  induction n as [| [| n] IHn]; simpl; intros Hn H; [lia | apply Rmax_lub; auto |].
  apply Rmax_lub; auto; apply IHn; auto; lia.
Qed.

(* Positive factors, positive product. *)
Lemma prod_pos n f : (forall i, (i < n)%nat -> 0 < f i) -> 0 < prod n f.
Proof. induction n; simpl; intros; [lra | apply Rmult_lt_0_compat; auto]. Qed.

(* * Changing one entry *)

(* An entry changed to what it was. *)
Lemma change_same x j i : change x j (x j) i = x i.
Proof. unfold change; destruct (Nat.eq_dec i j); subst; auto. Qed.

Lemma change2_same W i j k l : change2 W i j (W i j) k l = W k l.
Proof.
  unfold change2; destruct (Nat.eq_dec k i); subst; auto using change_same.
Qed.

(* * Derivatives: the rules of school, for the real numbers *)

(* Another way to write the derivative, or the function. *)
Lemma derive_eq f x l l' : derivative f x l -> l = l' -> derivative f x l'.
Proof. now intros H <-. Qed.

Lemma derive_ext f g x l :
  (forall t, f t = g t) -> derivative f x l -> derivative g x l.
Proof. apply (is_derive_ext f g). Qed.

(* Constants, the variable itself, sums, differences and products. *)
Lemma derive_const (c x : R) : derivative (fun _ => c) x 0.
Proof. apply (is_derive_const (c : R_NormedModule) x). Qed.

Lemma derive_id x : derivative (fun t : R => t) x 1.
Proof. apply (is_derive_id (K := R_AbsRing)). Qed.

Lemma derive_plus f g x a b : derivative f x a -> derivative g x b ->
  derivative (fun t : R => f t + g t : R) x (a + b).
Proof. intros; now apply (is_derive_plus (V := R_NormedModule)). Qed.

Lemma derive_minus f g x a b : derivative f x a -> derivative g x b ->
  derivative (fun t : R => f t - g t : R) x (a - b).
Proof. intros; now apply (is_derive_minus (V := R_NormedModule)). Qed.

Lemma derive_mult f g x a b : derivative f x a -> derivative g x b ->
  derivative (fun t : R => f t * g t : R) x (a * g x + f x * b).
Proof.
  intros; apply (is_derive_mult f g); auto; intros n m; apply Rmult_comm.
Qed.

(* A square: twice what is squared, times its derivative. *)
Lemma derive_square f x l : derivative f x l ->
  derivative (fun t => f t ^ 2) x (2 * f x * l).
Proof.
  intros H; apply (derive_ext (fun t => f t * f t)); [intros; ring |].
  eapply derive_eq; [apply derive_mult; eauto | ring].
Qed.

(* The chain rule for one inner function. *)
Lemma derive_comp (f g : R -> R) x a b : derivative g x b -> derivative f (g x) a ->
  derivative (fun t => f (g t)) x (a * b).
Proof.
  intros Hg Hf; eapply derive_eq; [apply (is_derive_comp f g); eauto |].
  apply Rmult_comm.
Qed.

(* A constant factor, on the left or on the right. *)
Lemma derive_scal f x a (c : R) :
  derivative f x a -> derivative (fun t : R => c * f t : R) x (c * a).
Proof. apply (is_derive_scal f x c a). Qed.

Lemma derive_scal_r f x a (c : R) :
  derivative f x a -> derivative (fun t : R => f t * c : R) x (a * c).
Proof.
  intros H; apply (derive_ext (fun t => c * f t)); [intros; apply Rmult_comm |].
  eapply derive_eq; [apply derive_scal; eauto | apply Rmult_comm].
Qed.

(* The derivative of a sum is the sum of the derivatives. *)
Lemma derive_sum n (f : nat -> R -> R) (v : vector) x :
  (forall i, (i < n)%nat -> derivative (f i) x (v i)) ->
  derivative (fun t => ∑_(i < n) f i t) x (sum n v).
Proof.
  induction n; simpl; intros H; [apply derive_const |].
  apply derive_plus; auto.
Qed.

(* Changing entry j moves entry j alone. *)
Lemma derive_change x j i t :
  derivative (fun u => change x j u i) t [i == j].
Proof.
  unfold change, same; destruct (Nat.eq_dec i j).
  - apply derive_id.
  - apply derive_const.
Qed.

Lemma derive_change2 W i j k l t :
  derivative (fun u => change2 W i j u k l) t ([k == i] * [l == j]).
Proof.
  unfold change2; destruct (Nat.eq_dec k i) eqn:E; unfold same at 1; rewrite E.
  - rewrite Rmult_1_l; apply derive_change.
  - rewrite Rmult_0_l; apply derive_const.
Qed.

(* A gradient holds the partial derivatives: change one entry, the others held. *)
Lemma gradient_partial n L x g j : gradient n L x g -> (j < n)%nat ->
  derivative (fun t => L (change x j t)) (x j) (g j).
Proof.
  intros H Hj; eapply derive_eq.
  - apply H with (v := fun i => [i == j]); intros;
      auto using change_same, derive_change.
  - rewrite (sum_ext _ _ (fun i => [i == j] * g i)) by (intros; apply Rmult_comm).
    now apply sum_same.
Qed.

(* The same for matrices. *)
Lemma gradient2_partial n k L W G i j : gradient2 n k L W G ->
  (i < n)%nat -> (j < k)%nat ->
  derivative (fun t => L (change2 W i j t)) (W i j) (G i j).
Proof.
  intros H Hi Hj; eapply derive_eq.
  - apply H with (v := fun a b => [a == i] * [b == j]); intros;
      auto using change2_same, derive_change2.
  - rewrite (sum_ext _ _ (fun a => [a == i] * G a j));
      [now apply (sum_same n i (fun a => G a j)) |].
    intros a _; rewrite <- (sum_same k j (fun b => [a == i] * G a b)) by auto.
    apply sum_ext; intros; ring.
Qed.

(* * The exponential and the logarithm *)

(* It rises; it is its own slope, and the logarithm has the slope 1 / x. *)
Lemma exp_le x y : x <= y -> exp x <= exp y.
Proof. intros [H | <-]; [left; now apply exp_increasing | apply Rle_refl]. Qed.

Lemma derive_exp x : derivative exp x (exp x).
Proof. apply is_derive_Reals, derivable_pt_lim_exp. Qed.

Lemma derive_ln x : 0 < x -> derivative ln x (/ x).
Proof. intros; apply is_derive_Reals; now apply derivable_pt_lim_ln. Qed.

(* The logarithm of a product is the sum of the logarithms. *)
Lemma ln_prod n f : (forall i, (i < n)%nat -> 0 < f i) ->
  ln (prod n f) = ∑_(i < n) ln (f i).
Proof.
  induction n; simpl; intros H; [apply ln_1 |].
  rewrite ln_mult, IHn; auto using prod_pos.
Qed.

(* Where a function is smallest its slope is zero. *)
Lemma minimum_slope (f : R -> R) t l :
  derivative f t l -> (forall u, f t <= f u) -> l = 0.
Proof.
  intros Hd Hm; apply is_derive_Reals in Hd.
  assert (pr : derivable_pt f t) by (exists l; auto).
  rewrite <- (derive_pt_eq_0 f t l pr Hd).
  apply (deriv_minimum f (t - 1) (t + 1)); auto; lra.
Qed.

(* * Matrices and columns *)

(* B is the inverse of A, both of d rows and columns. *)
Definition inverse (d : nat) (A B : matrix) : Prop :=
  forall i j, (i < d)%nat -> (j < d)%nat ->
  mul d A B i j = [i == j] /\ mul d B A i j = [i == j].

(* Equal entries, equal products. *)
Lemma mulv_ext m A B x y i : (forall l, (l < m)%nat -> A i l = B i l) ->
  (forall l, (l < m)%nat -> x l = y l) -> mulv m A x i = mulv m B y i.
Proof. intros HA H; apply sum_ext; intros; now rewrite HA, H. Qed.

(* A product of matrices works on a column one after the other. *)
Lemma mulv_mul n d A B w i : mulv d (mul n A B) w i = mulv n A (mulv d B w) i.
Proof.
  unfold mulv, mul.
  rewrite (sum_ext d _ (fun l => ∑_(s < n) A i s * B s l * w l)).
  - rewrite sum_swap; apply sum_ext; intros s _; rewrite <- sum_scal.
    apply sum_ext; intros; ring.
  - intros; now rewrite sum_scal_r.
Qed.

(* A matrix works on each part of a difference. *)
Lemma mulv_minus m A x y i :
  mulv m A (fun l => x l - y l) i = mulv m A x i - mulv m A y i.
Proof. unfold mulv; rewrite <- sum_minus; apply sum_ext; intros; ring. Qed.

(* The identity changes nothing. *)
Lemma mulv_same d A x i : (i < d)%nat ->
  (forall j, (j < d)%nat -> A i j = [i == j]) -> mulv d A x i = x i.
Proof.
  intros Hi H; rewrite <- (sum_same d i x Hi); apply sum_ext.
  intros j Hj; rewrite H by auto; now rewrite same_sym.
Qed.

(* d equations for d unknowns, solved by the inverse. *)
Lemma inverse_solve d A B w r : inverse d A B ->
  (forall i, (i < d)%nat -> mulv d A w i = r i) <->
  (forall i, (i < d)%nat -> w i = mulv d B r i).
Proof.
  intros H; split; intros E i Hi.
  - rewrite <- (mulv_same d (mul d B A) w i) by (auto; intros; now apply H).
    rewrite mulv_mul; now apply mulv_ext.
  - rewrite (mulv_ext d A A w (mulv d B r)) by auto.
    rewrite <- mulv_mul; apply mulv_same; auto; intros; now apply H.
Qed.

(* The logarithm of a root. *)
Lemma ln_sqrt x : 0 < x -> ln (sqrt x) = 1 / 2 * ln x.
Proof.
  intros H; rewrite <- (sqrt_sqrt x) at 2 by lra.
  rewrite ln_mult by now apply sqrt_lt_R0. field.
Qed.

(* The d columns of X, of n entries each, are linearly independent. *)
Definition independent (n d : nat) (X : matrix) : Prop :=
  forall w, (forall s, (s < n)%nat -> mulv d X w s = 0) ->
  forall i, (i < d)%nat -> w i = 0.

(* Elimination: where that holds for the first k rows and columns of A, for each k, the
   equations A w = r have a solution for every r. *)
Lemma solvable d A : (forall k, (k <= d)%nat -> independent k k A) ->
  forall r, exists w, forall i, (i < d)%nat -> mulv d A w i = r i.
Proof.
  induction d as [| d IH]; intros H r; [exists r; intros; lia |].
  assert (IH' := IH (fun k Hk => H k (le_S _ _ Hk))).
  destruct (IH' (fun i => A i d)) as [p Hp]; destruct (IH' r) as [t Ht].
  assert (E : forall w c i, mulv (S d) A (change w d c) i = mulv d A w i + A i d * c).
  { intros w c i; unfold mulv; simpl; f_equal.
    - apply sum_ext; intros l Hl; unfold change.
      destruct (Nat.eq_dec l d); [lia | auto].
    - unfold change; destruct (Nat.eq_dec d d); [auto | lia]. }
  set (pivot := A d d - mulv d A p d).
  assert (Hpivot : pivot <> 0).
  { intros Z; assert (Hd := H (S d) (le_n _) (change p d (-1))).
    enough (change p d (-1) d = 0) by
      (unfold change in *; destruct (Nat.eq_dec d d); [lra | lia]).
    apply Hd; [| lia]; intros i Hi; rewrite E.
    destruct (Nat.eq_dec i d) as [-> |]; [unfold pivot in Z; lra |].
    rewrite Hp by lia; ring. }
  set (c := (r d - mulv d A t d) / pivot).
  exists (change (fun l => t l - c * p l) d c); intros i Hi; rewrite E, mulv_minus.
  assert (F : mulv d A (fun l => c * p l) i = c * mulv d A p i)
    by (unfold mulv; rewrite <- sum_scal; apply sum_ext; intros; ring).
  rewrite F; destruct (Nat.eq_dec i d) as [-> |].
  - replace (A d d) with (pivot + mulv d A p d) by (unfold pivot; ring).
    unfold c; field; auto.
  - rewrite Hp, Ht by lia; ring.
Qed.

(* Then A has an inverse: column by column. *)
Lemma inverse_exists d A : (forall k, (k <= d)%nat -> independent k k A) ->
  exists B, inverse d A B.
Proof.
  intros H; assert (G : forall m, exists B : matrix, forall i j,
    (i < d)%nat -> (j < m)%nat -> mul d A B i j = [i == j]).
  { induction m as [| m [B HB]]; [exists A; intros; lia |].
    destruct (solvable d A H (fun i => [i == m])) as [w Hw].
    exists (fun i => change (B i) m (w i)); intros i j Hi Hj; unfold mul, change.
    destruct (Nat.eq_dec j m) as [-> |]; [now apply Hw | apply HB; lia]. }
  destruct (G d) as [B HB]; exists B; intros i j Hi Hj; split; auto.
  enough (mul d B A i j - [i == j] = 0) by lra; revert i Hi.
  apply (H d (le_n _) (fun i => mul d B A i j - [i == j])); intros i Hi.
  rewrite mulv_minus.
  assert (E : mulv d A (fun l => [l == j]) i = A i j).
  { unfold mulv; rewrite <- (sum_same d j (A i)) by auto; apply sum_ext; intros; ring. }
  rewrite E; change (fun l => mul d B A l j) with (mulv d B (fun l => A l j)).
  rewrite <- mulv_mul, (mulv_same d); auto; ring.
Qed.
