//! Owns measuring in turn, and what is made of the samples; must not know what is measured.

/// Something to measure: every call measures it once.
pub(crate) type Sample = Box<dyn Fn() -> f64>;

/// Measures each once in every round, in turn; for each the samples of all rounds.
///
/// Every round has another order: what ran just before leaves its mark on the machine, and nobody is to bear always the same.
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

/// Brings items into an order that nobody would guess, which depends on the seed only.
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

/// What one costs in terms of the other, as the rounds that both went through show it.
pub(crate) fn ratio(one: &[f64], other: &[f64]) -> f64 {
    let ratios: Vec<f64> = one.iter().zip(other).map(|(one, other)| one / other).collect();
    median(&ratios)
}
