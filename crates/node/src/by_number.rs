/// Makes a list longer, if it is too short. Its spare room is an eighth at most, not half as with
/// [`Vec::resize`]: of such lists each node has some as long as the cluster is large.
pub(crate) fn extend_to<T: Clone + Default>(list: &mut Vec<T>, length: usize) {
    if length > list.capacity() {
        list.reserve_exact(length + length / 8 - list.len());
    }
    if length > list.len() {
        list.resize(length, T::default());
    }
}
