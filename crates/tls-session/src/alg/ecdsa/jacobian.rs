//! Points of a curve y² = x³ - 3x + b in Jacobian coordinates, in variable time.
//!
//! ```text
//! (X, Y, Z) is x = X/Z², y = Y/Z³; Z = 0 is the point at infinity
//! ```
//!
//! A doubling takes 8 multiplications and an addition 16, where the complete formulas of the curves' crates take 13 and 14:
//! a check of a signature has 256 doublings on P-256 and 86 additions. But an addition has to tell whether its points are the
//! same or opposite, so nothing secret may come here; a check of a signature has nothing secret.
//!
//! Formulas: D. Bernstein, T. Lange, Explicit-Formulas Database, "Jacobian coordinates with a4=-3", dbl-2001-b and
//! add-1998-cmo-2.

use p256::elliptic_curve::PrimeField;

/// A point.
#[derive(Clone)]
pub(super) struct Point<F> {
    x: F,
    y: F,
    z: F,
}

impl<F: PrimeField> Point<F> {
    pub(super) const INFINITY: Self = Self {
        x: F::ONE,
        y: F::ONE,
        z: F::ZERO,
    };

    /// The point with these coordinates, which has to be on the curve.
    pub(super) const fn of(x: F, y: F) -> Self {
        Self { x, y, z: F::ONE }
    }

    /// Whether this is a point whose coordinate x is that.
    pub(super) fn has_x(&self, x: &F) -> bool {
        !self.z.is_zero_vartime() && self.z.square() * x == self.x
    }

    /// Doubles the point: no point of a curve of odd order has y = 0, and infinity stays what it is.
    // Not inlined, as the other: each is called from two places.
    #[inline(never)]
    pub(super) fn double(&mut self) {
        let zz = self.z.square();
        let yy = self.y.square();
        let beta = self.x * yy;
        let alpha = (self.x - zz) * (self.x + zz);
        let alpha = alpha.double() + alpha;
        let beta4 = beta.double().double();
        let x = alpha.square() - beta4.double();
        let yyyy8 = yy.square().double().double().double();
        self.z = (self.y * self.z).double();
        self.y = alpha * (beta4 - x) - yyyy8;
        self.x = x;
    }

    /// Adds another point, or its negative.
    #[inline(never)]
    pub(super) fn add(&mut self, other: &Self, is_negative: bool) {
        if other.z.is_zero_vartime() {
            return;
        }
        let y = if is_negative { -other.y } else { other.y };
        if self.z.is_zero_vartime() {
            (self.x, self.y, self.z) = (other.x, y, other.z);
            return;
        }
        let zz = self.z.square();
        let other_zz = other.z.square();
        let u = self.x * other_zz;
        let s = self.y * other.z * other_zz;
        let h = other.x * zz - u;
        let r = y * self.z * zz - s;
        if h.is_zero_vartime() {
            match r.is_zero_vartime() {
                true => self.double(),
                false => *self = Self::INFINITY,
            }
            return;
        }
        let hh = h.square();
        let hhh = h * hh;
        let v = u * hh;
        self.x = r.square() - hhh - v.double();
        self.y = r * (v - self.x) - s * hhh;
        self.z = self.z * other.z * h;
    }
}
