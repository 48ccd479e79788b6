//! Owns measuring in turn, and what is made of the samples; must not know what is measured.

/// Something to measure: every call measures it once.
pub(crate) type Sample = Box<dyn Fn() -> f64>;

/// Measures each once in every round, in turn; for each the samples of all rounds.
///
/// Every other round goes backwards, so that nobody profits from a place.
pub(crate) fn run(rounds: usize, samples: &[Sample]) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::with_capacity(rounds); samples.len()];
    for round in 0..rounds {
        for turn in 0..samples.len() {
            let turn = if round % 2 == 0 { turn } else { samples.len() - 1 - turn };
            all[turn].push(samples[turn]());
        }
    }
    all
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
