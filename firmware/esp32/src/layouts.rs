//! The structures that cross the boundary to the radio's libraries are laid out as `layouts.in` says;
//! the program does not compile otherwise. That the libraries have them so is checked when it is linked.

#[cfg(feature = "esp32c3")]
use esp_wifi_sys_esp32c3::include as header;
#[cfg(feature = "esp32c6")]
use esp_wifi_sys_esp32c6::include as header;

/// A structure or a field, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    structure: &'static str,
    field: &'static str,
    /// Bytes from the start of the structure.
    pub(crate) at: usize,
    /// Bytes.
    pub(crate) size: usize,
}

/// The place of a field; of the structure itself if `field` is empty. Of a field that the table does not
/// have it is a place that no field has.
pub(crate) const fn place(structure: &str, field: &str) -> Place {
    let mut left = PLACES;
    while let [places, others @ ..] = left {
        let mut places = *places;
        while let [first, more @ ..] = places {
            if is_same(first.structure, structure) && is_same(first.field, field) {
                return *first;
            }
            places = more;
        }
        left = others;
    }
    Place {
        structure: "",
        field: "",
        at: usize::MAX,
        size: usize::MAX,
    }
}

const fn is_same(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        (a, b) = (more_a, more_b);
    }
    a.is_empty() && b.is_empty()
}

/// Bytes of a field.
const fn size_of_field<S, F>(_: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! last {
    ($first:literal) => {
        $first
    };
    ($first:literal $second:literal) => {
        $second
    };
}

/// That the header has a structure so.
macro_rules! header {
    (struct $name:ident $($size:literal)+; $($how:ident $field:ident ($($at:literal)+) $length:literal;)*) => {
        assert!(size_of::<header::$name>() == last!($($size)+));
        $(header!($how $name $field ($($at)+) $length);)*
    };
    (seen $name:ident $field:ident ($($at:literal)+) $length:literal) => {
        assert!(core::mem::offset_of!(header::$name, $field) == last!($($at)+));
        assert!(size_of_field(|whole: &header::$name| &whole.$field) == $length);
    };
    (part $($rest:tt)*) => {
        header!(seen $($rest)*);
    };
    (skip $($rest:tt)*) => {};
    (bits $($rest:tt)*) => {};
    (value $($rest:tt)*) => {};
}

macro_rules! layouts {
    ($(
        $kind:ident $name:ident $(on $chip:tt)? $size:literal $whole:ident
        $(header $other:literal)? { $($source:tt)* }
        { $($field:ident $at:literal $length:literal $how:ident $(header $moved:literal)?;)* }
    )*) => {
        /// The structures of this chip, each followed by its fields.
        const PLACES: &[&[Place]] = &[$(
            $(#[cfg(feature = $chip)])?
            &[
                Place { structure: stringify!($name), field: "", at: 0, size: $size },
                $(Place {
                    structure: stringify!($name),
                    field: stringify!($field),
                    at: $at,
                    size: $length,
                }),*
            ],
        )*];
        $(
            $(#[cfg(feature = $chip)])?
            #[cfg(any(feature = "esp32c3", feature = "esp32c6"))]
            const _: () = {
                header!($kind $name $size $($other)?; $($how $field ($at $($moved)?) $length;)*);
            };
        )*
    };
}

include!("layouts.in");
