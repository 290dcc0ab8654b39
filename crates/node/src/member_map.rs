use rumormill_protocol::NodeId;

/// A map of as many members as happen to be spoken of: few at most times, all of them at some. Values lie apart from the
/// order of the members, as they came: a search looks at no value but the one that it finds, and what came together is found
/// together.
#[derive(Debug)]
pub(crate) struct MemberMap<T> {
    /// Where the value of each member lies, ascending by member.
    places: Vec<(NodeId, u32)>,
    values: Vec<(NodeId, T)>,
}

impl<T> MemberMap<T> {
    pub(crate) fn get(&self, member: NodeId) -> Option<&T> {
        let at = self.place(member).ok()?;
        Some(&self.values[self.places[at].1 as usize].1)
    }

    pub(crate) fn get_mut(&mut self, member: NodeId) -> Option<&mut T> {
        let at = self.place(member).ok()?;
        Some(&mut self.values[self.places[at].1 as usize].1)
    }

    /// Replaces what there was.
    pub(crate) fn insert(&mut self, member: NodeId, value: T) {
        match self.place(member) {
            Ok(at) => self.values[self.places[at].1 as usize].1 = value,
            Err(at) => {
                self.places.insert(at, (member, self.values.len() as u32));
                self.values.push((member, value));
            }
        }
    }

    pub(crate) fn remove(&mut self, member: NodeId) -> Option<T> {
        let (_, value) = self.places.remove(self.place(member).ok()?);
        let (_, removed) = self.values.swap_remove(value as usize);
        if let Some(&(moved, _)) = self.values.get(value as usize)
            && let Ok(at) = self.place(moved)
        {
            self.places[at].1 = value;
        }
        Some(removed)
    }

    /// In no order that means anything, but always the same after the same calls.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut T)> {
        self.values.iter_mut().map(|(member, value)| (*member, value))
    }

    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.values.len()
    }

    fn place(&self, member: NodeId) -> Result<usize, usize> {
        self.places.binary_search_by_key(&member, |(known, _)| *known)
    }
}

impl<T> Default for MemberMap<T> {
    fn default() -> Self {
        Self { places: Vec::new(), values: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0u32..20, proptest::option::of(any::<u8>())), 0..200)) {
            let (mut map, mut model) = (MemberMap::default(), BTreeMap::new());
            for (member, value) in steps {
                let member = NodeId(member);
                match value {
                    Some(value) => {
                        map.insert(member, value);
                        model.insert(member, value);
                    }
                    None => prop_assert_eq!(map.remove(member), model.remove(&member)),
                }
                prop_assert!((0..20).map(NodeId).all(|member| map.get(member) == model.get(&member)));
                let mut all: Vec<_> = map.iter_mut().map(|(member, value)| (member, *value)).collect();
                all.sort_unstable();
                prop_assert!(all.into_iter().eq(model.iter().map(|(member, value)| (*member, *value))));
            }
        }
    }
}
