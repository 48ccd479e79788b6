//! Owns how a duration is shown; must not know what took so long.
//!
//! A duration reads as its `Debug`, whose code is several times as large.

use std::fmt;
use std::time::Duration;

/// Displayed as `{duration:?}`, or `{duration:.1?}` if it is rounded.
pub(crate) struct Shown {
    duration: Duration,
    is_rounded: bool,
}

pub(crate) fn exact(duration: Duration) -> Shown {
    Shown { duration, is_rounded: false }
}

pub(crate) fn rounded(duration: Duration) -> Shown {
    Shown { duration, is_rounded: true }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.duration.as_secs(), self.duration.subsec_nanos());
        // The largest unit of which there is at least one, and how many decimals it has.
        let (unit, size, mut decimals) = match nanos {
            _ if seconds > 0 => ("s", 1_000_000_000, 9),
            1_000_000.. => ("ms", 1_000_000, 6),
            1_000.. => ("µs", 1_000, 3),
            _ => ("ns", 1, 0),
        };
        let (mut whole, mut part) = (seconds + u64::from(nanos / size), nanos % size);
        if self.is_rounded {
            let tenth = (size / 10).max(1);
            let (tenths, rest) = (part / tenth, part % tenth);
            let tenths = tenths + u32::from(2 * rest + tenths % 2 > tenth); // a half goes to the even number
            whole = whole.saturating_add((tenths / 10).into()); // nothing takes so long that this saturates
            (part, decimals) = (tenths % 10, 1);
        } else {
            while decimals > 0 && part % 10 == 0 {
                (part, decimals) = (part / 10, decimals - 1);
            }
        }
        match decimals {
            0 => write!(f, "{whole}{unit}"),
            decimals => write!(f, "{whole}.{part:0decimals$}{unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_reads_as_debug(duration: Duration) {
        assert_eq!(exact(duration).to_string(), format!("{duration:?}"));
        // An older std rounds a half up.
        if !is_half(duration.as_nanos()) {
            assert_eq!(rounded(duration).to_string(), format!("{duration:.1?}"));
        }
    }

    /// Whether the duration is as far from one tenth of its unit as from the next.
    fn is_half(nanos: u128) -> bool {
        let unit = [1_000_000_000, 1_000_000, 1_000].into_iter().find(|&unit| nanos >= unit);
        unit.is_some_and(|unit| nanos % (unit / 10) == unit / 20)
    }

    #[test]
    fn a_half_is_rounded_to_the_even_tenth() {
        let halves = [1_050, 1_150, 1_950, 1_050_000, 2_350_000_000].map(Duration::from_nanos);
        assert_eq!(halves.map(|half| rounded(half).to_string()), ["1.0µs", "1.2µs", "2.0µs", "1.0ms", "2.4s"]);
    }

    #[test]
    fn edges_read_as_debug() {
        for unit in [0, 1, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000] {
            for times in [0, 1, 5, 9, 10, 99, 100, 999] {
                for tenths in 0..=10 {
                    for beside in [0, 49, 50, 51].map(|percent| unit * percent / 1_000) {
                        for more in 0..3 {
                            let nanos = unit * times + unit * tenths / 10 + beside + more;
                            assert_reads_as_debug(Duration::from_nanos(nanos));
                            assert_reads_as_debug(Duration::from_nanos(nanos.saturating_sub(more)));
                        }
                    }
                }
            }
        }
        assert_eq!(rounded(Duration::from_micros(999_960)).to_string(), "1000.0ms");
        assert_eq!(exact(Duration::MAX).to_string(), format!("{:?}", Duration::MAX));
        assert_reads_as_debug(Duration::new(u64::MAX, 949_999_999));
    }

    proptest! {
        #[test]
        fn any_duration_reads_as_debug(seconds in 0_u64..5, nanos in 0_u32..1_000_000_000, divisor in 0_u32..9) {
            assert_reads_as_debug(Duration::new(seconds, nanos / 10_u32.pow(divisor)));
            assert_reads_as_debug(Duration::new(0, nanos / 10_u32.pow(divisor)));
        }
    }
}
