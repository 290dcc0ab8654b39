//! A vector with few entries, read off its power sums.

use super::field::Field;

/// Shifts that are tried to split a polynomial: each fails with probability one half.
const TRIES: u64 = 64;

/// The positions and entries of a vector of at most half as many entries as there are sums `Σ entry · position^j`, j from
/// 0; nothing where there is no such vector. `candidates` are positions that are likely among them: looking them up is
/// cheaper than searching. Entries come in no particular order.
pub(super) fn recover(
    field: Field,
    sums: &[u64],
    candidates: impl Iterator<Item = u64>,
) -> Option<Vec<(u64, u64)>> {
    let locator = shortest_recurrence(field, sums);
    let length = locator.len() - 1;
    if 2 * length > sums.len() || locator.last() == Some(&0) {
        return None;
    }
    // Its roots are the inverses of the positions: read backwards, the positions themselves.
    let backwards: Vec<u64> = locator.iter().rev().copied().collect();
    let positions = roots(field, backwards, candidates)?;
    let numerator: Vec<u64> = (0..length)
        .map(|at| (0..=at).fold(0, |sum, back| field.add(sum, field.mul(locator[back], sums[at - back]))))
        .collect();
    let entry = |position: u64| {
        let inverse = field.inverse(position);
        let others = positions.iter().filter(|other| **other != position);
        let below =
            others.fold(1, |product, other| field.mul(product, field.sub(1, field.mul(*other, inverse))));
        (position, field.mul(value(field, &numerator, inverse), field.inverse(below)))
    };
    Some(positions.iter().map(|position| entry(*position)).collect())
}

/// The shortest linear recurrence that makes the sums, as a polynomial with constant term 1, lowest power first
/// (Berlekamp-Massey; Massey, "Shift-register synthesis and BCH decoding", 1969).
fn shortest_recurrence(field: Field, sums: &[u64]) -> Vec<u64> {
    let (mut present, mut past) = (vec![1], vec![1]);
    let (mut length, mut since, mut past_gap) = (0, 1, 1);
    for at in 0..sums.len() {
        let gap = (0..=length.min(present.len() - 1))
            .fold(0, |sum, back| field.add(sum, field.mul(present[back], sums[at - back])));
        if gap == 0 {
            since += 1;
            continue;
        }
        let scale = field.mul(gap, field.inverse(past_gap));
        let before = present.clone();
        present.resize(present.len().max(past.len() + since), 0);
        for (power, factor) in past.iter().enumerate() {
            present[power + since] = field.sub(present[power + since], field.mul(scale, *factor));
        }
        if 2 * length <= at {
            (length, past, past_gap, since) = (at + 1 - length, before, gap, 1);
        } else {
            since += 1;
        }
    }
    present.resize(length + 1, 0);
    present
}

/// All roots of a monic polynomial, highest power last, if they are distinct, none is 0, and there are as many as its
/// degree.
fn roots(field: Field, mut whole: Vec<u64>, candidates: impl Iterator<Item = u64>) -> Option<Vec<u64>> {
    let degree = whole.len() - 1;
    let mut found = Vec::with_capacity(degree);
    if whole[0] == 0 {
        return None;
    }
    for candidate in candidates {
        if whole.len() == 1 {
            break;
        }
        if value(field, &whole, candidate) == 0 && !found.contains(&candidate) {
            whole = without_root(field, &whole, candidate);
            found.push(candidate);
        }
    }
    if whole.len() > 1 {
        // A product of distinct linear factors divides x^p - x.
        if power_of_shifted(field, &whole, 0, field.prime()) != remainder(field, vec![0, 1], &whole) {
            return None;
        }
        split(field, whole, &mut found)?;
    }
    let mut sorted = found.clone();
    sorted.sort_unstable();
    sorted.dedup();
    (sorted.len() == degree).then_some(found)
}

/// Splits a product of distinct linear factors by which of its roots become squares when a number is added (Cantor and
/// Zassenhaus, 1981).
fn split(field: Field, whole: Vec<u64>, found: &mut Vec<u64>) -> Option<()> {
    match whole.len() {
        0 | 1 => return Some(()),
        2 => {
            found.push(field.neg(whole[0]));
            return Some(());
        }
        _ => {}
    }
    for shift in 0..TRIES {
        let mut power = power_of_shifted(field, &whole, shift, field.prime() / 2);
        power.resize(power.len().max(1), 0);
        power[0] = field.sub(power[0], 1);
        let part = common_divisor(field, whole.clone(), power);
        if part.len() > 1 && part.len() < whole.len() {
            let rest = quotient(field, whole, &part);
            split(field, part, found)?;
            return split(field, rest, found);
        }
    }
    None
}

/// (x + shift)^exponent modulo a monic polynomial of degree one at least.
fn power_of_shifted(field: Field, modulus: &[u64], shift: u64, exponent: u64) -> Vec<u64> {
    let base = remainder(field, vec![shift, 1], modulus);
    let mut power = vec![1];
    for bit in (0..u64::BITS - exponent.leading_zeros()).rev() {
        power = remainder(field, product(field, &power, &power), modulus);
        if exponent >> bit & 1 == 1 {
            power = remainder(field, product(field, &power, &base), modulus);
        }
    }
    power
}

fn value(field: Field, polynomial: &[u64], at: u64) -> u64 {
    polynomial.iter().rev().fold(0, |sum, factor| field.add(field.mul(sum, at), *factor))
}

fn product(field: Field, one: &[u64], two: &[u64]) -> Vec<u64> {
    let mut product = vec![0; (one.len() + two.len()).saturating_sub(1)];
    for (at, left) in one.iter().enumerate() {
        for (by, right) in two.iter().enumerate() {
            product[at + by] = field.add(product[at + by], field.mul(*left, *right));
        }
    }
    product
}

/// Divides by a monic polynomial, and leaves the quotient above the remainder.
fn divide(field: Field, number: &mut [u64], by: &[u64]) {
    let degree = by.len() - 1;
    for top in (degree..number.len()).rev() {
        let factor = number[top];
        for (power, coefficient) in by[..degree].iter().enumerate() {
            let at = top - degree + power;
            number[at] = field.sub(number[at], field.mul(factor, *coefficient));
        }
    }
}

fn remainder(field: Field, mut number: Vec<u64>, by: &[u64]) -> Vec<u64> {
    divide(field, &mut number, by);
    number.truncate(by.len() - 1);
    trimmed(number)
}

fn quotient(field: Field, mut number: Vec<u64>, by: &[u64]) -> Vec<u64> {
    divide(field, &mut number, by);
    number.split_off(by.len() - 1)
}

fn without_root(field: Field, whole: &[u64], root: u64) -> Vec<u64> {
    quotient(field, whole.to_vec(), &[field.neg(root), 1])
}

/// Monic.
fn common_divisor(field: Field, one: Vec<u64>, two: Vec<u64>) -> Vec<u64> {
    let (mut one, mut two) = (one, monic(field, trimmed(two)));
    while !two.is_empty() {
        let rest = remainder(field, one, &two);
        (one, two) = (two, monic(field, rest));
    }
    one
}

fn monic(field: Field, mut polynomial: Vec<u64>) -> Vec<u64> {
    if let Some(top) = polynomial.last().copied() {
        let inverse = field.inverse(top);
        polynomial.iter_mut().for_each(|factor| *factor = field.mul(*factor, inverse));
    }
    polynomial
}

fn trimmed(mut polynomial: Vec<u64>) -> Vec<u64> {
    while polynomial.last() == Some(&0) {
        polynomial.pop();
    }
    polynomial
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn sums(field: Field, vector: &BTreeMap<u64, u64>, count: u64) -> Vec<u64> {
        let term = |j, (position, entry): (&u64, &u64)| field.mul(*entry, field.pow(*position, j));
        (0..count).map(|j| vector.iter().fold(0, |sum, at| field.add(sum, term(j, at)))).collect()
    }

    fn field() -> impl Strategy<Value = Field> {
        prop_oneof![Just(Field::above(4_000)), Just(Field::above(30_000)), Just(Field::LARGEST)]
    }

    proptest! {
        /// Some of the positions are among the candidates, some not, and candidates that are none are harmless.
        #[test]
        fn a_vector_is_recovered_from_twice_as_many_sums_as_it_has_entries(
            field in field(),
            vector in proptest::collection::btree_map(1u64..4_000, 1u64..4_000, 0..20),
            spare in 0u64..6,
            known in any::<u64>(),
            others in proptest::collection::vec(1u64..4_000, 0..20),
        ) {
            let sums = sums(field, &vector, 2 * vector.len() as u64 + spare);
            let likely = vector.keys().copied().filter(|position| known >> (position % 64) & 1 == 1);
            let found = recover(field, &sums, likely.chain(others));
            let found: Option<BTreeMap<u64, u64>> = found.map(|found| found.into_iter().collect());
            prop_assert_eq!(found, Some(vector));
        }

        #[test]
        fn whatever_the_sums_are_reading_them_ends_and_what_is_read_has_these_sums(
            field in field(),
            forged in proptest::collection::vec(any::<u64>(), 0..30),
            candidates in proptest::collection::vec(1u64..4_000, 0..10),
        ) {
            let forged: Vec<u64> = forged.into_iter().map(|sum| field.reduce(sum)).collect();
            if let Some(found) = recover(field, &forged, candidates.into_iter()) {
                let vector: BTreeMap<u64, u64> = found.into_iter().collect();
                prop_assert_eq!(sums(field, &vector, forged.len() as u64), forged);
            }
        }
    }
}
