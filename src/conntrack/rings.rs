use alloc::vec::Vec;

/// Circular lists over numbered items, each item in at most one list of the set: adding, removing
/// and joining take constant time.
///
/// Items are 0 to `items - 1`; the lists' own nodes have the numbers after them.
#[derive(Clone, Debug)]
pub(crate) struct Rings {
    links: Vec<Link>,
    items: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
}

impl Rings {
    /// `lists` empty lists over `items` items.
    pub(crate) fn new(items: u32, lists: u32) -> Self {
        let nodes = 0..items.saturating_add(lists);
        Self { links: nodes.map(|node| Link { prev: node, next: node }).collect(), items }
    }

    /// Adds `item`, which must be in no list, at the end of `list`.
    pub(crate) fn push(&mut self, list: u32, item: u32) {
        let node = self.node(list);
        let last = self.link(node).prev;
        self.join(last, item);
        self.join(item, node);
    }

    /// Takes `item` out of the list that it is in, if any.
    pub(crate) fn remove(&mut self, item: u32) {
        let Link { prev, next } = self.link(item);
        self.join(prev, next);
        self.join(item, item);
    }

    /// The first item of `list`.
    pub(crate) fn first(&self, list: u32) -> Option<u32> {
        let first = self.link(self.node(list)).next;
        (first < self.items).then_some(first)
    }

    /// Moves all items of `from` to the end of `to`.
    pub(crate) fn append(&mut self, to: u32, from: u32) {
        if to == from || self.first(from).is_none() {
            return;
        }
        let (to, from) = (self.node(to), self.node(from));
        let Link { prev: last, next: first } = self.link(from);
        let end = self.link(to).prev;
        self.join(end, first);
        self.join(last, to);
        self.join(from, from);
    }

    fn node(&self, list: u32) -> u32 {
        self.items.saturating_add(list)
    }

    fn link(&self, node: u32) -> Link {
        self.links.get(node as usize).copied().unwrap_or(Link { prev: node, next: node })
    }

    fn join(&mut self, before: u32, after: u32) {
        if let Some(link) = self.links.get_mut(before as usize) {
            link.next = after;
        }
        if let Some(link) = self.links.get_mut(after as usize) {
            link.prev = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn items(rings: &mut Rings, list: u32) -> Vec<u32> {
        let mut found = vec![];
        while let Some(item) = rings.first(list) {
            rings.remove(item);
            found.push(item);
        }
        found
    }

    #[test]
    fn removing_an_item_of_no_list_changes_nothing() {
        let mut rings = Rings::new(3, 1);
        rings.push(0, 1);
        rings.remove(2);
        assert_eq!(items(&mut rings, 0), [1]);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Move(u32, u32),
        Remove(u32),
        Append(u32, u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..4u32, 0..12u32).prop_map(|(list, item)| Step::Move(list, item)),
            (0..12u32).prop_map(Step::Remove),
            (0..4u32, 0..4u32).prop_map(|(to, from)| Step::Append(to, from)),
        ]
    }

    proptest! {
        #[test]
        fn lists_hold_what_vectors_would(steps in prop::collection::vec(step(), 0..200)) {
            let mut rings = Rings::new(12, 4);
            let mut model: [Vec<u32>; 4] = Default::default();
            for step in steps {
                match step {
                    Step::Move(list, item) => {
                        rings.remove(item);
                        rings.push(list, item);
                        model.iter_mut().for_each(|items| items.retain(|held| *held != item));
                        model[list as usize].push(item);
                    }
                    Step::Remove(item) => {
                        rings.remove(item);
                        model.iter_mut().for_each(|items| items.retain(|held| *held != item));
                    }
                    Step::Append(to, from) if to != from => {
                        rings.append(to, from);
                        let moved = core::mem::take(&mut model[from as usize]);
                        model[to as usize].extend(moved);
                    }
                    Step::Append(..) => {}
                }
            }
            for list in 0..4 {
                prop_assert_eq!(&items(&mut rings, list), &model[list as usize]);
            }
        }
    }
}
