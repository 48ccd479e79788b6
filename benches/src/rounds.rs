//! Owns measuring in turn, and the statistics; must not know what is measured.

/// Measures once per call.
pub(crate) type Sample = Box<dyn Fn() -> f64>;

/// Measures each once in every round, in turn, and returns the samples of each.
///
/// Every round has a different order, because each measurement affects the next one, for instance through caches.
pub(crate) fn run(rounds: usize, samples: &[Sample]) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::with_capacity(rounds); samples.len()];
    let mut turns: Vec<usize> = (0..samples.len()).collect();
    for round in 0..rounds {
        shuffle(&mut turns, round as u64);
        for &turn in &turns {
            all[turn].push(samples[turn]());
        }
    }
    all
}

/// Shuffles the items; the result depends only on the seed.
pub(crate) fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15); // never 0
    for last in (1..items.len()).rev() {
        // Xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = state % (last as u64 + 1);
        items.swap(last, usize::try_from(at).expect("smaller than `last`"));
    }
}

pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The median of the ratios of `one` to `other` in each round.
pub(crate) fn ratio(one: &[f64], other: &[f64]) -> f64 {
    let ratios: Vec<f64> = one.iter().zip(other).map(|(one, other)| one / other).collect();
    median(&ratios)
}
