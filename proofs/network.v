(* Networks of D layers, for all widths, in rows and in columns, and the way back
   through them for any activation φ with the slope φ'. Chapters 1, 4, 5 and 7 use it.

   Layer l, from 1 to D, has d (l - 1) inputs and d l outputs. *)

From Coq Require Import FunctionalExtensionality.
From Proved Require Import sums.

(* Samples in the rows of x, times the weights, plus the biases. *)
Definition affine (d : nat) (x W : matrix) (b : vector) : matrix :=
  fun s j => mul d x W s j + b j.

(* The outputs of layer l, h_l = φ (h_(l-1) W_l + b_l), where h_0 = x. *)
Fixpoint outputs (φ : R -> R) (d : nat -> nat) (x : matrix) (W : nat -> matrix)
    (b : nat -> vector) (l : nat) : matrix :=
  match l with
  | O => x
  | S m => fun s j => φ (affine (d m) (outputs φ d x W b m) (W l) (b l) s j)
  end.

(* The scores of layer l, before the activation. *)
Definition scores φ d x W b (l : nat) : matrix :=
  affine (d (pred l)) (outputs φ d x W b (pred l)) (W l) (b l).

(* The way back: each δ_l is (δ_(l+1) W_(l+1)^T) times the slopes, entry by entry. *)
Definition goes_back (φ φ' : R -> R) n d x W b (D : nat) (δ : nat -> matrix) : Prop :=
  forall l s i, (1 <= l < D)%nat -> (s < n)%nat -> (i < d l)%nat ->
  δ l s i = mul (d (S l)) (δ (S l)) (W (S l))^T s i * φ' (scores φ d x W b l s i).

(* The slope is that of φ at each of the n d_l scores of each layer l < D. *)
Definition has_slopes (φ φ' : R -> R) n d x W b (D : nat) : Prop :=
  forall l s j, (1 <= l < D)%nat -> (s < n)%nat -> (j < d l)%nat ->
  let a := scores φ d x W b l s j in derivative φ a (φ' a).

(* The same weights but for layer l, which has V. *)
Definition replace_layer {T : Type} (W : nat -> T) (l : nat) (V : T) : nat -> T :=
  fun m => if Nat.eq_dec m l then V else W m.

(* The slope of a logit where inputs, weights and biases all move. *)
Lemma affine_curve d (x W : R -> matrix) (b : R -> vector) x' W' b' t s j :
  (forall i, (i < d)%nat -> derivative (fun u => x u s i) t (x' s i)) ->
  (forall i, (i < d)%nat -> derivative (fun u => W u i j) t (W' i j)) ->
  derivative (fun u => b u j) t (b' j) ->
  derivative (fun u => affine d (x u) (W u) (b u) s j) t
    (∑_(i < d) (x' s i * W t i j + x t s i * W' i j) + b' j).
Proof.
  intros Hx HW Hb; apply derive_plus; auto.
  apply (derive_sum d (fun i u => x u s i * W u i j)); intros i Hi.
  now apply derive_mult; [apply Hx | apply HW].
Qed.

(* * One layer, and any loss of its scores, with the gradient δ by them *)

(* By its weights. *)
Lemma affine_weights n d k L x W b δ :
  gradient2 n k L (affine d x W b) δ ->
  gradient2 d k (fun W => L (affine d x W b)) W (mul n x^T δ).
Proof.
  intros HL c v t Hc Hv; eapply derive_eq.
  - apply (HL (fun u => affine d x (c u) b) (fun s j => ∑_(i < d) x s i * v i j)).
    + intros; unfold affine, mul; f_equal; apply sum_ext; intros; rewrite Hc; auto.
    + intros s j Hs Hj; eapply derive_eq.
      * apply (affine_curve d (fun _ => x) c (fun _ => b)
          (fun _ _ => 0) v (fun _ => 0));
          intros; auto using derive_const.
      * rewrite Rplus_0_r; apply sum_ext; intros; ring.
  - unfold mul, transpose.
    rewrite (sum_ext n _ (fun s => ∑_(i < d) ∑_(j < k) x s i * δ s j * v i j)).
    + rewrite sum_swap; apply sum_ext; intros i _; rewrite sum_swap.
      apply sum_ext; intros j _; now rewrite sum_scal_r.
    + intros s _; rewrite sum_swap; apply sum_ext; intros j _.
      rewrite <- sum_scal; apply sum_ext; intros; ring.
Qed.

(* By its biases. *)
Lemma affine_biases n d k L x W b δ :
  gradient2 n k L (affine d x W b) δ ->
  gradient k (fun b => L (affine d x W b)) b (fun j => ∑_(s < n) δ s j).
Proof.
  intros HL c v t Hc Hv; eapply derive_eq.
  - apply (HL (fun u => affine d x W (c u)) (fun _ j => v j)).
    + intros; unfold affine; now rewrite Hc.
    + intros s j Hs Hj; eapply derive_eq.
      * apply (affine_curve d (fun _ => x) (fun _ => W) c
          (fun _ _ => 0) (fun _ _ => 0) v);
          intros; auto using derive_const.
      * rewrite sum_zero by (intros; ring); ring.
  - rewrite sum_swap; apply sum_ext; intros; now rewrite sum_scal_r.
Qed.

(* By its inputs. *)
Lemma affine_inputs n d k L x W b δ :
  gradient2 n k L (affine d x W b) δ ->
  gradient2 n d (fun x => L (affine d x W b)) x (mul k δ W^T).
Proof.
  intros HL c v t Hc Hv; eapply derive_eq.
  - apply (HL (fun u => affine d (c u) W b) (fun s j => ∑_(i < d) v s i * W i j)).
    + intros; unfold affine, mul; f_equal; apply sum_ext; intros; rewrite Hc; auto.
    + intros s j Hs Hj; eapply derive_eq.
      * apply (affine_curve d c (fun _ => W) (fun _ => b)
          v (fun _ _ => 0) (fun _ => 0));
          intros; auto using derive_const.
      * rewrite Rplus_0_r; apply sum_ext; intros; ring.
  - unfold mul, transpose; apply sum_ext; intros s _.
    rewrite (sum_ext k _ (fun j => ∑_(i < d) δ s j * W i j * v s i)).
    + rewrite sum_swap; apply sum_ext; intros; now rewrite sum_scal_r.
    + intros j _; rewrite <- sum_scal; apply sum_ext; intros; ring.
Qed.

(* Through the activation of the layer below as well: a are its scores, h = φ a its
   outputs. *)
Lemma activation_affine (φ φ' : R -> R) n m k L a W b δ :
  let h := fun (a : matrix) s i => φ (a s i) in
  (forall s i, (s < n)%nat -> (i < m)%nat -> derivative φ (a s i) (φ' (a s i))) ->
  gradient2 n k L (affine m (h a) W b) δ ->
  gradient2 n m (fun a => L (affine m (h a) W b)) a
    (fun s i => mul k δ W^T s i * φ' (a s i)).
Proof.
  intros h Hφ HL c v t Hc Hv; eapply derive_eq.
  - apply (affine_inputs n m k L (h a) W b δ HL (fun u => h (c u))
      (fun s i => φ' (a s i) * v s i)); intros s i Hs Hi; unfold h.
    + now rewrite Hc.
    + apply (derive_comp φ); auto; rewrite Hc; auto.
  - apply sum_ext; intros s _; apply sum_ext; intros; ring.
Qed.

(* * All weights, biases and inputs move at once *)

Section Curve.
Variables (φ φ' : R -> R) (n : nat) (d : nat -> nat) (D : nat).
(* The point, a curve that passes through it at t, and its slopes there. *)
Variables (x : matrix) (W : nat -> matrix) (b : nat -> vector).
Variables (cx : R -> matrix) (cW : R -> nat -> matrix) (cb : R -> nat -> vector).
Variables (x' : matrix) (W' : nat -> matrix) (b' : nat -> vector) (t : R).

Hypothesis Hφ : has_slopes φ φ' n d x W b D.
Hypothesis Hx : forall s i, (s < n)%nat -> (i < d O)%nat ->
  cx t s i = x s i /\ derivative (fun u => cx u s i) t (x' s i).
Hypothesis HW : forall m i j, (i < d m)%nat -> (j < d (S m))%nat ->
  cW t (S m) i j = W (S m) i j /\
  derivative (fun u => cW u (S m) i j) t (W' (S m) i j).
Hypothesis Hb : forall m j, (j < d (S m))%nat ->
  cb t (S m) j = b (S m) j /\ derivative (fun u => cb u (S m) j) t (b' (S m) j).

Let h := outputs φ d x W b.
Let a := scores φ d x W b.

(* The slopes of the outputs, and those of the scores of layer m + 1. *)
Fixpoint outputs' (l : nat) : matrix :=
  match l with
  | O => x'
  | S m => fun s j => φ' (a l s j) *
      (∑_(i < d m) (outputs' m s i * W l i j + h m s i * W' l i j) + b' l j)
  end.
Definition scores' (m : nat) : matrix := fun s j =>
  ∑_(i < d m) (outputs' m s i * W (S m) i j + h m s i * W' (S m) i j) + b' (S m) j.

(* The curve passes through the scores of the point, if it does through the outputs. *)
Lemma scores_at m s j : (j < d (S m))%nat ->
  (forall i, (i < d m)%nat -> outputs φ d (cx t) (cW t) (cb t) m s i = h m s i) ->
  scores φ d (cx t) (cW t) (cb t) (S m) s j = a (S m) s j.
Proof.
  intros Hj H; unfold a, scores, affine, mul; simpl; f_equal; [| now apply Hb].
  apply sum_ext; intros; rewrite H by auto; f_equal; now apply HW.
Qed.

(* And so it passes through all outputs. *)
Lemma outputs_at m s j : (s < n)%nat -> (j < d m)%nat ->
  outputs φ d (cx t) (cW t) (cb t) m s j = h m s j.
Proof.
  revert j; induction m; intros j Hs Hj; [now apply Hx |].
  change (h (S m) s j) with (φ (a (S m) s j)).
  simpl; f_equal; apply (scores_at m); auto.
Qed.

(* The slopes of the scores of a layer, from those of what it is fed. *)
Lemma scores_curve m s j : (s < n)%nat -> (j < d (S m))%nat ->
  (forall i, (i < d m)%nat ->
     derivative (fun u => outputs φ d (cx u) (cW u) (cb u) m s i) t (outputs' m s i)) ->
  derivative (fun u => scores φ d (cx u) (cW u) (cb u) (S m) s j) t (scores' m s j).
Proof.
  intros Hs Hj H; unfold scores; simpl; eapply derive_eq.
  - apply affine_curve with (x' := outputs' m) (W' := W' (S m)) (b' := b' (S m)); auto;
      intros; now apply HW || now apply Hb.
  - unfold scores'; f_equal; apply sum_ext; intros i Hi.
    rewrite outputs_at by auto; f_equal; f_equal; now apply HW.
Qed.

(* The slopes of all outputs, layer by layer. *)
Lemma outputs_curve m s j : (m < D)%nat -> (s < n)%nat -> (j < d m)%nat ->
  derivative (fun u => outputs φ d (cx u) (cW u) (cb u) m s j) t (outputs' m s j).
Proof.
  revert j; induction m; intros j Hm Hs Hj; [now apply Hx |].
  simpl; apply (derive_comp φ).
  - apply (scores_curve m); auto; intros; apply IHm; auto; lia.
  - change (affine _ _ _ _ s j) with (scores φ d (cx t) (cW t) (cb t) (S m) s j).
    rewrite scores_at by (auto; intros; now apply outputs_at).
    apply (Hφ (S m) s j); auto; lia.
Qed.

(* What reaches the loss through layer m + 1: by its weights, by its biases, and by
   what it was fed. *)
Definition through (δ : nat -> matrix) (m : nat) : R :=
  ∑_(i < d m) ∑_(j < d (S m)) mul n (h m)^T (δ (S m)) i j * W' (S m) i j
  + ∑_(j < d (S m)) (∑_(s < n) δ (S m) s j) * b' (S m) j.

(* One layer down: what comes by the scores comes in these three ways. *)
Lemma one_layer δ m :
  ∑_(s < n) ∑_(j < d (S m)) δ (S m) s j * scores' m s j =
  through δ m + ∑_(s < n) ∑_(i < d m)
    mul (d (S m)) (δ (S m)) (W (S m))^T s i * outputs' m s i.
Proof.
  unfold through, mul, transpose, scores'.
  rewrite (sum_ext n _ (fun s =>
    ∑_(i < d m) ∑_(j < d (S m)) h m s i * δ (S m) s j * W' (S m) i j
    + ∑_(j < d (S m)) δ (S m) s j * b' (S m) j
    + ∑_(i < d m) ∑_(j < d (S m)) δ (S m) s j * W (S m) i j * outputs' m s i)).
  - rewrite !sum_plus; f_equal; [f_equal |].
    + rewrite sum_swap; apply sum_ext; intros i _; rewrite sum_swap.
      apply sum_ext; intros j _; apply sum_scal_r.
    + rewrite sum_swap; apply sum_ext; intros j _; apply sum_scal_r.
    + apply sum_ext; intros s _; apply sum_ext; intros i _; apply sum_scal_r.
  - intros s _; rewrite (sum_swap (d m)), (sum_swap (d m)), <- !sum_plus.
    apply sum_ext; intros j _.
    rewrite Rmult_plus_distr_l, <- sum_scal, (sum_ext (d m) _ (fun i =>
      h m s i * δ (S m) s j * W' (S m) i j
      + δ (S m) s j * W (S m) i j * outputs' m s i)) by (intros; ring).
    rewrite sum_plus; ring.
Qed.

(* Down all layers. *)
Lemma all_layers δ m : goes_back φ φ' n d x W b D δ -> (m < D)%nat ->
  ∑_(s < n) ∑_(j < d (S m)) δ (S m) s j * scores' m s j =
  ∑_(l < S m) through δ l
  + ∑_(s < n) ∑_(i < d O) mul (d 1%nat) (δ 1%nat) (W 1%nat)^T s i * x' s i.
Proof.
  intros Hδ; induction m; intros Hm; rewrite one_layer.
  - simpl; ring.
  - rewrite (sum_ext n _ (fun s => ∑_(j < d (S m)) δ (S m) s j * scores' m s j)).
    + rewrite IHm by lia; simpl; ring.
    + intros s Hs; apply sum_ext; intros i Hi; rewrite (Hδ (S m)) by (auto; lia).
      fold a; simpl; unfold scores'; ring.
Qed.

(* The slope of any loss of the last scores, where everything moves. *)
Lemma network_curve L δ : (1 <= D)%nat -> goes_back φ φ' n d x W b D δ ->
  gradient2 n (d D) L (a D) (δ D) ->
  derivative (fun u => L (scores φ d (cx u) (cW u) (cb u) D)) t
    (∑_(l < D) through δ l
     + ∑_(s < n) ∑_(i < d O) mul (d 1%nat) (δ 1%nat) (W 1%nat)^T s i * x' s i).
Proof.
  intros HD Hδ HL; assert (E : S (pred D) = D) by lia.
  assert (A := all_layers δ (pred D) Hδ ltac:(lia)); rewrite E in A; rewrite <- A.
  apply (HL (fun u => scores φ d (cx u) (cW u) (cb u) D)); intros s j Hs Hj;
    rewrite <- E in Hj.
  - rewrite <- E; apply scores_at; auto; intros; now apply outputs_at.
  - apply (derive_ext (fun u => scores φ d (cx u) (cW u) (cb u) (S (pred D)) s j));
      [now rewrite E |].
    apply scores_curve; auto; intros; apply outputs_curve; auto; lia.
Qed.
End Curve.

(* * The layers of a network, in rows *)

(* In a network with D layers, the gradient of any loss by the weights of layer l. *)
Lemma network_weights φ φ' n d x W b D L δ l : (1 <= l <= D)%nat ->
  has_slopes φ φ' n d x W b D -> goes_back φ φ' n d x W b D δ ->
  gradient2 n (d D) L (scores φ d x W b D) (δ D) ->
  gradient2 (d (pred l)) (d l)
    (fun V => L (scores φ d x (replace_layer W l V) b D)) (W l)
    (mul n (outputs φ d x W b (pred l))^T (δ l)).
Proof.
  intros Hl Hφ Hδ HL c v t Hc Hv; eapply derive_eq.
  - apply (network_curve φ φ' n d D x W b (fun _ => x)
      (fun u => replace_layer W l (c u)) (fun _ => b) (fun _ _ => 0)
      (replace_layer (fun _ _ _ => 0) l v) (fun _ _ => 0)) with (δ := δ);
      auto using derive_const.
    + intros m i j Hi Hj; unfold replace_layer.
      destruct (Nat.eq_dec (S m) l) as [<- |]; auto using derive_const.
    + lia.
  - rewrite (sum_zero n) by (intros; apply sum_zero; intros; ring).
    rewrite (sum_ext D _ (fun m => [m == pred l] * ∑_(i < d m) ∑_(j < d (S m))
      mul n (outputs φ d x W b m)^T (δ (S m)) i j * v i j)).
    + rewrite Rplus_0_r, (sum_same D (pred l)) by lia.
      now replace (S (pred l)) with l by lia.
    + intros m _; unfold through, replace_layer, same.
      rewrite (sum_zero (d (S m))) by (intros; ring).
      destruct (Nat.eq_dec (S m) l), (Nat.eq_dec m (pred l)); try lia.
      * ring.
      * rewrite sum_zero by (intros; apply sum_zero; intros; ring); ring.
Qed.

(* By its biases. *)
Lemma network_biases φ φ' n d x W b D L δ l : (1 <= l <= D)%nat ->
  has_slopes φ φ' n d x W b D -> goes_back φ φ' n d x W b D δ ->
  gradient2 n (d D) L (scores φ d x W b D) (δ D) ->
  gradient (d l) (fun v => L (scores φ d x W (replace_layer b l v) D)) (b l)
    (fun j => ∑_(s < n) δ l s j).
Proof.
  intros Hl Hφ Hδ HL c v t Hc Hv; eapply derive_eq.
  - apply (network_curve φ φ' n d D x W b (fun _ => x) (fun _ => W)
      (fun u => replace_layer b l (c u)) (fun _ _ => 0) (fun _ _ _ => 0)
      (replace_layer (fun _ _ => 0) l v)) with (δ := δ); auto using derive_const.
    + intros m j Hj; unfold replace_layer.
      destruct (Nat.eq_dec (S m) l) as [<- |]; auto using derive_const.
    + lia.
  - rewrite (sum_zero n) by (intros; apply sum_zero; intros; ring).
    rewrite (sum_ext D _ (fun m => [m == pred l] *
      ∑_(j < d (S m)) (∑_(s < n) δ (S m) s j) * v j)).
    + rewrite Rplus_0_r, (sum_same D (pred l)) by lia.
      now replace (S (pred l)) with l by lia.
    + intros m _; unfold through, replace_layer, same.
      rewrite (sum_zero (d m)) by (intros; apply sum_zero; intros; ring).
      destruct (Nat.eq_dec (S m) l), (Nat.eq_dec m (pred l)); try lia.
      * ring.
      * rewrite sum_zero by (intros; ring); ring.
Qed.

(* * In columns *)

(* The same network as the homework writes it, for one sample x, which is a column. *)
Fixpoint outputs_column φ (d : nat -> nat) (x : vector) (W : nat -> matrix)
    (b : nat -> vector) (l : nat) : vector :=
  match l with
  | O => x
  | S m => fun i => φ (mulv (d m) (W l) (outputs_column φ d x W b m) i + b l i)
  end.
Definition scores_column φ d x W b (l : nat) : vector :=
  fun i => mulv (d (pred l)) (W l) (outputs_column φ d x W b (pred l)) i + b l i.

(* A row of the one is a column of the other. *)
Lemma row_is_column φ d x W b l s j :
  outputs φ d x (fun l => (W l)^T) b l s j = outputs_column φ d (x s) W b l j.
Proof.
  revert j; induction l; intros j; [reflexivity |].
  simpl; unfold affine, mul, mulv, transpose; f_equal; f_equal.
  apply sum_ext; intros i _; rewrite IHl; apply Rmult_comm.
Qed.

(* The same for the scores. *)
Lemma scores_row_is_column φ d x W b l s :
  scores φ d x (fun l => (W l)^T) b l s = scores_column φ d (x s) W b l.
Proof.
  apply functional_extensionality; intros j.
  unfold scores, scores_column, affine, mul, mulv; f_equal.
  apply sum_ext; intros i _; rewrite row_is_column; apply Rmult_comm.
Qed.

Definition has_slopes_column (φ φ' : R -> R) d x W b (D : nat) : Prop :=
  forall l j, (1 <= l < D)%nat -> (j < d l)%nat ->
  let z := scores_column φ d x W b l j in derivative φ z (φ' z).

Definition goes_back_column (φ φ' : R -> R) d x W b (D : nat) (δ : nat -> vector) :=
  forall l i, (1 <= l < D)%nat -> (i < d l)%nat ->
  δ l i = mulv (d (S l)) (W (S l))^T (δ (S l)) i * φ' (scores_column φ d x W b l i).

Section Column.
Variables (φ φ' : R -> R) (d : nat -> nat) (x : vector) (W : nat -> matrix).
Variables (b : nat -> vector) (D : nat) (L : vector -> R) (δ : nat -> vector).
Variable l : nat.
Hypothesis Hl : (1 <= l <= D)%nat.
Hypothesis Hφ : has_slopes_column φ φ' d x W b D.
Hypothesis Hδ : goes_back_column φ φ' d x W b D δ.
Hypothesis HL : gradient (d D) L (scores_column φ d x W b D) (δ D).

(* One sample is a batch of one row. *)
Let row (v : vector) : matrix := fun _ => v.
Let WT := fun l => (W l)^T.

(* What was assumed in columns holds in rows. *)
Lemma one_row : has_slopes φ φ' 1 d (row x) WT b D /\
  goes_back φ φ' 1 d (row x) WT b D (fun l => row (δ l)) /\
  gradient2 1 (d D) (fun A => L (A O)) (scores φ d (row x) WT b D) (row (δ D)).
Proof.
  split; [| split].
  - intros m s j Hm _ Hj; unfold WT; rewrite scores_row_is_column; now apply Hφ.
  - intros m s i Hm _ Hi; unfold WT; rewrite scores_row_is_column; unfold row at 1.
    rewrite (Hδ m i Hm Hi); f_equal; apply sum_ext; intros; apply Rmult_comm.
  - intros c v t Hc Hv; simpl; rewrite Rplus_0_l; apply HL; intros i Hi.
    + rewrite Hc by auto; unfold WT; now rewrite scores_row_is_column.
    + apply (Hv O i); auto.
Qed.

(* A column times a row. *)
Lemma column_weights : gradient2 (d l) (d (pred l))
  (fun V => L (scores_column φ d x (replace_layer W l V) b D)) (W l)
  (fun i j => δ l i * outputs_column φ d x W b (pred l) j).
Proof.
  destruct one_row as [H1 [H2 H3]]; intros c v t Hc Hv.
  apply (derive_ext (fun u =>
    L (scores φ d (row x) (replace_layer WT l (c u)^T) b D O))).
  { intros u; f_equal.
    change (scores_column φ d x) with (scores_column φ d (row x O)).
    rewrite <- scores_row_is_column; do 2 f_equal.
    apply functional_extensionality; intros m; unfold replace_layer, WT.
    now destruct (Nat.eq_dec m l). }
  eapply derive_eq.
  - apply (network_weights φ φ' 1 d _ _ b D _ _ l Hl H1 H2 H3 (fun u => (c u)^T) v^T);
      intros; unfold WT, transpose; auto.
  - rewrite sum_swap; apply sum_ext; intros i _; apply sum_ext; intros j _.
    unfold mul, WT; simpl; unfold transpose at 1 3.
    rewrite row_is_column; unfold row; ring.
Qed.

(* The biases. *)
Lemma column_biases : gradient (d l)
  (fun v => L (scores_column φ d x W (replace_layer b l v) D)) (b l) (δ l).
Proof.
  destruct one_row as [H1 [H2 H3]]; intros c v t Hc Hv.
  apply (derive_ext (fun u => L (scores φ d (row x) WT (replace_layer b l (c u)) D O))).
  { intros u; unfold WT; now rewrite scores_row_is_column. }
  eapply derive_eq.
  - apply (network_biases φ φ' 1 d _ _ b D _ _ l Hl H1 H2 H3 c v); auto.
  - apply sum_ext; intros; simpl; unfold row; ring.
Qed.
End Column.
