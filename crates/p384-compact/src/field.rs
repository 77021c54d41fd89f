//! Coordinates of points.

element!(
    /// A number modulo `p = 2^384 - 2^128 - 2^96 + 2^32 - 1`.
    FieldElement,
    concat!(
        "ffffffffffffffffffffffffffffffffffffffffffffffff",
        "fffffffffffffffeffffffff0000000000000000ffffffff"
    ),
    19
);
