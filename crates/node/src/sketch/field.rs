/// Arithmetic modulo the greatest prime below a power of two. Numbers are below the prime where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Bits of a number.
    pub(crate) width: u32,
    /// The power of two less the prime.
    gap: u64,
}

/// Widths, and how far the greatest prime lies below the power of two.
const GAPS: [(u32, u64); 10] =
    [(12, 3), (13, 1), (14, 3), (15, 19), (16, 15), (17, 1), (18, 5), (19, 1), (20, 3), (24, 3)];

impl Field {
    /// The smallest that has more than `positions` numbers besides 0; the largest where there is none.
    pub(crate) fn above(positions: u64) -> Self {
        let all = GAPS.map(|(width, gap)| Self { width, gap });
        all.into_iter().find(|field| positions < field.prime()).unwrap_or(Self::LARGEST)
    }

    /// 24 bits.
    pub(crate) const LARGEST: Self = Self { width: 24, gap: 3 };

    pub(crate) const fn prime(self) -> u64 {
        (1 << self.width) - self.gap
    }

    /// Any number, modulo the prime.
    pub(crate) const fn reduce(self, number: u64) -> u64 {
        number % self.prime()
    }

    pub(crate) const fn add(self, one: u64, two: u64) -> u64 {
        let sum = one + two;
        if sum >= self.prime() { sum - self.prime() } else { sum }
    }

    pub(crate) const fn sub(self, one: u64, two: u64) -> u64 {
        self.add(one, self.neg(two))
    }

    pub(crate) const fn neg(self, one: u64) -> u64 {
        if one == 0 { 0 } else { self.prime() - one }
    }

    /// Folds the upper half of the product twice: 2^width is `gap` modulo the prime.
    pub(crate) const fn mul(self, one: u64, two: u64) -> u64 {
        let mask = (1 << self.width) - 1;
        let product = one * two;
        let once = (product & mask) + (product >> self.width) * self.gap;
        let twice = (once & mask) + (once >> self.width) * self.gap;
        if twice >= self.prime() { twice - self.prime() } else { twice }
    }

    pub(crate) const fn pow(self, mut base: u64, mut exponent: u64) -> u64 {
        let mut power = 1;
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = self.mul(power, base);
            }
            base = self.mul(base, base);
            exponent >>= 1;
        }
        power
    }

    /// The inverse of a number that is not 0 (Fermat).
    pub(crate) const fn inverse(self, number: u64) -> u64 {
        self.pow(number, self.prime() - 2)
    }

    /// A number as a difference: half of them count as negative.
    pub(crate) const fn centred(self, number: u64) -> i64 {
        if number > self.prime() / 2 { number as i64 - self.prime() as i64 } else { number as i64 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_modulus_is_the_greatest_prime_below_its_power_of_two() {
        let is_prime =
            |number: u64| (2..).take_while(|by| by * by <= number).all(|by: u64| !number.is_multiple_of(by));
        for (width, gap) in GAPS {
            assert!(is_prime((1 << width) - gap), "{width}");
            assert!((1..gap).all(|less| !is_prime((1 << width) - less)), "{width}");
        }
    }

    #[test]
    fn a_field_has_a_number_for_each_position() {
        assert_eq!(Field::above(4_092).width, 12);
        assert_eq!(Field::above(4_093).width, 13);
        assert_eq!(Field::above(10_000).width, 14);
        assert_eq!(Field::above(u64::MAX), Field::LARGEST);
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_remainders(which in 0..GAPS.len(), one: u64, two: u64) {
            let (width, gap) = GAPS[which];
            let field = Field { width, gap };
            let prime = field.prime();
            let (one, two) = (one % prime, two % prime);
            prop_assert_eq!(field.mul(one, two), one * two % prime);
            prop_assert_eq!(field.add(one, two), (one + two) % prime);
            prop_assert_eq!(field.add(field.sub(one, two), two), one);
            prop_assert_eq!(field.mul(prime - 1, prime - 1), 1);
            if one > 0 {
                prop_assert_eq!(field.mul(one, field.inverse(one)), 1);
            }
            prop_assert_eq!((field.centred(one) + prime as i64) as u64 % prime, one);
        }
    }
}
