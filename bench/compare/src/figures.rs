use serde::Serialize;

/// The median of several rounds, with the least and the most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Spread {
            median: f64::midpoint(low, high),
            min,
            max,
        })
    }
}

/// The median of what one is of another, round by round.
pub(crate) fn ratio(one: &[(usize, f64)], other: &[(usize, f64)]) -> Option<f64> {
    let ratios = one.iter().filter_map(|(round, value)| {
        let (_, beside) = other.iter().find(|(other, _)| other == round)?;
        (*beside > 0.0).then_some(value / beside)
    });
    Spread::of(ratios).map(|spread| spread.median)
}

/// A number as it is read: three digits of it, or all before the point.
pub(crate) fn short(value: f64) -> String {
    let text = match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let digits = whole.trim_start_matches('-').len();
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        if left.is_multiple_of(3) && left < digits {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match rest {
        "" => grouped,
        rest => format!("{grouped}.{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        let spread = Spread::of([4.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.5, 4.0));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_ratio_is_of_the_same_rounds() {
        let one = [(1, 10.0), (2, 40.0), (3, 90.0)];
        let other = [(2, 20.0), (3, 30.0), (4, 1.0)];
        assert_eq!(ratio(&one, &other), Some(2.5));
        assert_eq!(ratio(&one, &[]), None);
    }

    #[test]
    fn numbers_have_three_digits_and_their_thousands_apart() {
        let short = [0.125, 12.34, 123.4, 1_234.5, 1_234_567.0, -4.0].map(short);
        assert_eq!(
            short,
            ["0.12", "12.3", "123", "1,234", "1,234,567", "-4.00"]
        );
    }
}
