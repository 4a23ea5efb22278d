//! What a row must reach, and whether it does.

/// A bound on what hostlock takes.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// The peer that it is measured against; `None` where the bound is in the row's own unit.
    pub against: Option<&'static str>,
    pub at_most: f64,
}

impl Goal {
    /// At most so many times what the peer takes.
    pub const fn of(peer: &'static str, at_most: f64) -> Goal {
        Goal { against: Some(peer), at_most }
    }

    /// At most so many of the row's unit.
    pub const fn absolute(at_most: f64) -> Goal {
        Goal { against: None, at_most }
    }

    /// In words.
    pub fn text(&self) -> String {
        match self.against {
            Some(peer) => format!("{} of {peer}", ratio(self.at_most)),
            None => number(self.at_most),
        }
    }
}

/// A ratio as people say it.
pub fn ratio(value: f64) -> String {
    match value {
        _ if value <= 0.0 => "0".to_owned(),
        _ if value < 0.1 => format!("1/{:.0}", 1.0 / value),
        _ if value < 0.7 => format!("1/{:.1}", 1.0 / value),
        _ if value < 100.0 => format!("{value:.4}"),
        _ => format!("{value:.0}"),
    }
}

/// A number with its thousands apart.
pub fn number(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}
