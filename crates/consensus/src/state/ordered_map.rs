use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// How many entries a node holds before it is cut in two. A change copies one leaf, so small is
/// quick to change, and large is quick to read: at 32 a million entries are four levels deep.
const NODE_MAX: usize = 32;

/// A node with fewer entries than this is joined with its neighbour, if both fit into one.
const NODE_MIN: usize = NODE_MAX / 4;

/// A sorted map whose clones share what they have in common.
///
/// A clone costs nothing, and a change of one clone copies the path to what it changes, not the
/// map: the state of which a copy is published for each applied batch may have a million names.
/// It is a B-tree whose nodes are counted references. Two maps are equal if their entries are, however
/// they came about.
#[derive(Clone)]
pub(crate) struct OrderedMap<K, V> {
    root: Arc<Node<K, V>>,
    len: usize,
}

#[derive(Clone)]
enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    /// Children, none of them empty, and a bound that their keys are not below. The bound of the
    /// first is not looked at: it holds whatever is below the second's.
    Inner(Vec<(K, Arc<Node<K, V>>)>),
}

/// The right half of a node that was cut, and its bound.
type Cut<K, V> = Option<(K, Arc<Node<K, V>>)>;

impl<K: Ord + Clone, V: Clone> OrderedMap<K, V> {
    /// How many entries it has.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of `key`.
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let mut node = &*self.root;
        loop {
            match node {
                Node::Leaf(entries) => {
                    let at = entries.binary_search_by(|(k, _)| k.borrow().cmp(key));
                    return at.ok().and_then(|at| entries.get(at)).map(|(_, v)| v);
                }
                Node::Inner(children) => node = &*children.get(child_at(children, key))?.1,
            }
        }
    }

    /// Sets the value of `key`; the one that it had.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (former, cut) = insert(&mut self.root, key, value);
        if let Some((bound, right)) = cut {
            let left = Arc::clone(&self.root);
            // The first bound is not looked at, so any key will do.
            self.root = Arc::new(Node::Inner(vec![(bound.clone(), left), (bound, right)]));
        }
        self.len += usize::from(former.is_none());
        former
    }

    /// Removes `key`; the value that it had.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        // What is not there must not cost a copy.
        self.get(key)?;
        let removed = remove(&mut self.root, key);
        self.len -= usize::from(removed.is_some());
        loop {
            let only = match &*self.root {
                Node::Inner(children) if children.is_empty() => Arc::new(Node::Leaf(Vec::new())),
                Node::Inner(children) if children.len() == 1 => Arc::clone(&children[0].1),
                Node::Inner(_) | Node::Leaf(_) => return removed,
            };
            self.root = only;
        }
    }

    /// The entry with the smallest key.
    pub(crate) fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The entries, in the order of their keys.
    pub(crate) fn iter(&self) -> Iter<'_, K, V> {
        Iter {
            path: vec![(&*self.root, 0)],
        }
    }

    /// The entries whose keys are not below `key`, in order.
    pub(crate) fn iter_from<Q: Ord + ?Sized>(&self, key: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let mut path = Vec::new();
        let mut node = &*self.root;
        while let Node::Inner(children) = node {
            let at = child_at(children, key);
            path.push((node, at + 1));
            let Some((_, child)) = children.get(at) else {
                break;
            };
            node = child;
        }
        if let Node::Leaf(entries) = node {
            path.push((node, entries.partition_point(|(k, _)| k.borrow() < key)));
        }
        Iter { path }
    }
}

/// Which child `key` belongs to.
fn child_at<K: Borrow<Q>, V, Q: Ord + ?Sized>(children: &[(K, Arc<Node<K, V>>)], key: &Q) -> usize {
    children
        .partition_point(|(bound, _)| bound.borrow() <= key)
        .saturating_sub(1)
}

fn insert<K: Ord + Clone, V: Clone>(
    node: &mut Arc<Node<K, V>>,
    key: K,
    value: V,
) -> (Option<V>, Cut<K, V>) {
    match Arc::make_mut(node) {
        Node::Leaf(entries) => match entries.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(at) => (Some(std::mem::replace(&mut entries[at].1, value)), None),
            Err(at) => {
                entries.insert(at, (key, value));
                (None, cut(entries, Node::Leaf))
            }
        },
        Node::Inner(children) => {
            let at = child_at(children, &key);
            let (former, right) = insert(&mut children[at].1, key, value);
            let Some(right) = right else {
                return (former, None);
            };
            children.insert(at + 1, right);
            (former, cut(children, Node::Inner))
        }
    }
}

/// Cuts entries of which there are too many in two.
fn cut<K: Clone, V, T>(
    entries: &mut Vec<(K, T)>,
    node: impl FnOnce(Vec<(K, T)>) -> Node<K, V>,
) -> Cut<K, V> {
    if entries.len() <= NODE_MAX {
        return None;
    }
    let right = entries.split_off(entries.len() / 2);
    let bound = right.first()?.0.clone();
    Some((bound, Arc::new(node(right))))
}

fn remove<K: Ord + Clone + Borrow<Q>, V: Clone, Q: Ord + ?Sized>(
    node: &mut Arc<Node<K, V>>,
    key: &Q,
) -> Option<V> {
    match Arc::make_mut(node) {
        Node::Leaf(entries) => {
            let at = entries
                .binary_search_by(|(k, _)| k.borrow().cmp(key))
                .ok()?;
            Some(entries.remove(at).1)
        }
        Node::Inner(children) => {
            let at = child_at(children, key);
            let removed = remove(&mut children.get_mut(at)?.1, key)?;
            match children[at].1.entries() {
                0 => drop(children.remove(at)),
                1..NODE_MIN => join(children, at),
                _ => {}
            }
            Some(removed)
        }
    }
}

/// Joins the child at `at` with a neighbour, if there is one and both fit into one node.
fn join<K: Clone, V: Clone>(children: &mut Vec<(K, Arc<Node<K, V>>)>, at: usize) {
    let left = if at + 1 < children.len() {
        at
    } else {
        at.saturating_sub(1)
    };
    let fits = children
        .get(left + 1)
        .is_some_and(|(_, right)| children[left].1.entries() + right.entries() <= NODE_MAX);
    if !fits {
        return;
    }
    let (bound, right) = children.remove(left + 1);
    match (
        Arc::make_mut(&mut children[left].1),
        Arc::unwrap_or_clone(right),
    ) {
        (Node::Leaf(left), Node::Leaf(right)) => left.extend(right),
        (Node::Inner(left), Node::Inner(mut right)) => {
            // It is not the first any more, so its bound is looked at from now on.
            if let Some(first) = right.first_mut() {
                first.0 = bound;
            }
            left.extend(right);
        }
        // All leaves are equally deep.
        (_, right) => children.insert(left + 1, (bound, Arc::new(right))),
    }
}

impl<K, V> Node<K, V> {
    fn entries(&self) -> usize {
        match self {
            Node::Leaf(entries) => entries.len(),
            Node::Inner(children) => children.len(),
        }
    }
}

/// The entries of an [`OrderedMap`], in order.
#[derive(Debug)]
pub(crate) struct Iter<'a, K, V> {
    /// From the root down: a node, and what of it comes next.
    path: Vec<(&'a Node<K, V>, usize)>,
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (node, at) = self.path.last_mut()?;
            let next = *at;
            *at += 1;
            match node {
                Node::Leaf(entries) => match entries.get(next) {
                    Some((key, value)) => return Some((key, value)),
                    None => drop(self.path.pop()),
                },
                Node::Inner(children) => match children.get(next) {
                    Some((_, child)) => self.path.push((child, 0)),
                    None => drop(self.path.pop()),
                },
            }
        }
    }
}

impl<K, V> Default for OrderedMap<K, V> {
    fn default() -> Self {
        OrderedMap {
            root: Arc::new(Node::Leaf(Vec::new())),
            len: 0,
        }
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for OrderedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        let same = Arc::ptr_eq(&self.root, &other.root);
        same || (self.len == other.len && self.iter().eq(other.iter()))
    }
}

impl<K: Ord + Clone, V: Clone + Eq> Eq for OrderedMap<K, V> {}

impl<K, V> fmt::Debug for Node<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a node of {}", self.entries())
    }
}

/// How many entries are shown when a map is: enough for a test, not a million for a log.
const SHOWN_MAX: usize = 16;

impl<K: Ord + Clone + fmt::Debug, V: Clone + fmt::Debug> fmt::Debug for OrderedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len > SHOWN_MAX {
            return write!(f, "{} entries", self.len);
        }
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// All leaves at one depth, no node too large, none but the root empty, bounds kept.
    fn check(node: &Node<u16, u32>, low: Option<u16>, high: Option<u16>, is_root: bool) -> usize {
        assert!(is_root || node.entries() > 0);
        assert!(node.entries() <= NODE_MAX);
        match node {
            Node::Leaf(entries) => {
                assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
                for (key, _) in entries {
                    assert!(
                        low.is_none_or(|low| low <= *key) && high.is_none_or(|high| *key < high)
                    );
                }
                1
            }
            Node::Inner(children) => {
                let bounds: Vec<u16> = children.iter().map(|(bound, _)| *bound).collect();
                let depths: Vec<usize> = children
                    .iter()
                    .enumerate()
                    .map(|(at, (bound, child))| {
                        let low = if at == 0 { low } else { Some(*bound) };
                        let high = bounds.get(at + 1).copied().or(high);
                        check(child, low, high, false)
                    })
                    .collect();
                assert!(depths.iter().all(|depth| *depth == depths[0]));
                depths[0] + 1
            }
        }
    }

    proptest! {
        #[test]
        fn it_does_what_a_map_does_and_its_clones_stay_as_they_were(
            steps in prop::collection::vec((any::<bool>(), 0_u16..600), 0..3_000),
        ) {
            let mut map = OrderedMap::default();
            let mut model = BTreeMap::new();
            let mut kept = Vec::new();
            for (value, (inserts, key)) in (0_u32..).zip(steps) {
                if inserts {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                } else {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                }
                if value.is_multiple_of(500) {
                    kept.push((map.clone(), model.clone()));
                }
            }
            kept.push((map, model));
            for (map, model) in kept {
                check(&map.root, None, None, true);
                prop_assert_eq!(map.len(), model.len());
                prop_assert!(map.iter().eq(model.iter()));
                for key in [0, 1, 299, 300, 599, 700] {
                    prop_assert_eq!(map.get(&key), model.get(&key));
                    prop_assert!(map.iter_from(&key).eq(model.range(key..)));
                }
            }
        }
    }

    #[test]
    fn what_is_emptied_is_empty_from_either_end() {
        for backwards in [false, true] {
            let mut map: OrderedMap<u16, u32> = OrderedMap::default();
            for key in 0..5_000 {
                map.insert(key, u32::from(key));
            }
            for key in 0..5_000 {
                let key = if backwards { 4_999 - key } else { key };
                assert_eq!(map.remove(&key), Some(u32::from(key)));
                check(&map.root, None, None, true);
            }
            assert!(map.is_empty() && map.first().is_none());
            assert_eq!(map, OrderedMap::default());
        }
    }
}
