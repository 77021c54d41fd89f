//! The picture of `docs/performance.md`: a handshake at 160 MHz, by kind of key.

use std::fmt::Write as _;

use super::counts::Counts;

/// What is drawn, and what stands beside it.
const BARS: [(&str, &str); 9] = [
    ("p256", "P-256"),
    ("p384", "P-384"),
    ("ed25519", "Ed25519"),
    ("rsa-2048", "RSA-2048"),
    ("rsa-3072", "RSA-3072"),
    ("rsa-4096", "RSA-4096"),
    ("client-p256", "client signs, P-256"),
    ("client-rsa-2048", "client signs, RSA-2048"),
    ("client-rsa-4096", "client signs, RSA-4096"),
];

const CLOCK: f64 = 160e6;
const ROW: usize = 26;
const LEFT: u16 = 190;
const WIDTH: usize = 720;
/// Pixels of a second.
const SECOND: f64 = 85.0;

/// Colours that can be read on a white and on a dark page.
const STYLE: &str =
    "text{font:13px sans-serif;fill:#6e7781}.verify{fill:#0969da}.rest{fill:#8c959f}";

/// An SVG of horizontal bars: the chain, and what else a handshake takes.
pub(crate) fn draw(counts: &Counts) -> String {
    let height = ROW * (BARS.len() + 1) + 16;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>Seconds of a TLS handshake at 160 MHz, computed from instructions</title>\n\
         <style>{STYLE}</style>\n"
    );
    for (at, (key, name)) in BARS.iter().enumerate() {
        let Some(all) = counts.get(&format!("chip.handshake.{key}")) else {
            continue;
        };
        // A client's handshakes are with the server of P-256.
        let chain = counts.get(&format!("chip.verify.{key}"));
        let chain = chain
            .or_else(|| counts.get("chip.verify.p256"))
            .unwrap_or(0.0);
        let (y, baseline) = (at * ROW + 8, at * ROW + 24);
        let (all, chain) = (all / CLOCK, chain / CLOCK);
        let (wide, narrow) = (all * SECOND, chain * SECOND);
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"rest\" x=\"{LEFT}\" y=\"{y}\" width=\"{wide:.1}\" height=\"20\"/>\
             <rect class=\"verify\" x=\"{LEFT}\" y=\"{y}\" width=\"{narrow:.1}\" height=\"20\"/>\
             <text x=\"{:.1}\" y=\"{baseline}\">{all:.2} s</text>",
            LEFT - 8,
            f64::from(LEFT) + wide + 6.0,
        );
    }
    let baseline = height - 8;
    let _ = writeln!(
        text,
        "<text x=\"8\" y=\"{baseline}\">blue: verification of the chain; grey: key exchange, signatures of the \
         handshake, the rest</text>\n</svg>"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_seconds() {
        let mut counts = Counts::default();
        counts.insert("chip.handshake.p256", 320_000_000, 1);
        counts.insert("chip.verify.p256", 160_000_000, 1);
        let svg = draw(&counts);
        assert!(
            svg.contains("width=\"170.0\" height=\"20\"") && svg.contains("2.00 s"),
            "{svg}"
        );
        assert!(svg.contains("width=\"85.0\" height=\"20\""), "{svg}");
        assert_eq!(svg.matches("class=\"rest\"").count(), 1);
    }
}
