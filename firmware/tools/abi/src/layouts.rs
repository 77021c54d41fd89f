//! The table of structures, as it is compiled into the firmware.

/// A structure that the firmware and the libraries share.
#[derive(Debug, Clone)]
pub struct Layout {
    /// As the header names it; of a value our own name.
    pub name: &'static str,
    /// The only chip that has it so.
    pub chip: Option<&'static str>,
    /// Bytes.
    pub size: u32,
    /// Whether the libraries clear or copy exactly that many bytes.
    pub whole: bool,
    /// Where the libraries' code shows it.
    pub sources: &'static [Source],
    /// In the order of offsets.
    pub fields: Vec<Member>,
}

/// A field of a structure.
#[derive(Debug, Clone)]
pub struct Member {
    /// As the header names it.
    pub name: &'static str,
    /// Bytes from the start of the structure.
    pub at: u32,
    /// Bytes.
    pub size: u32,
    /// Whether the libraries touch exactly this place.
    pub seen: bool,
    /// Whether they touch the words around it instead, as of bit fields.
    pub bits: bool,
}

/// Where the libraries' code shows how long a structure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// What this argument of a function points to.
    Argument(&'static str, u8),
    /// What the word at this offset of an argument's memory points to.
    Behind(&'static str, u8, i32),
    /// What a variable points to.
    Global(&'static str),
    /// A variable.
    Object(&'static str),
    /// The data of the event of this number.
    Event(u32),
}

const fn argument(function: &'static str, argument: u8) -> Source {
    Source::Argument(function, argument)
}

const fn behind(function: &'static str, argument: u8, at: i32) -> Source {
    Source::Behind(function, argument, at)
}

const fn global(pointer: &'static str) -> Source {
    Source::Global(pointer)
}

const fn object(variable: &'static str) -> Source {
    Source::Object(variable)
}

const fn event(number: u32) -> Source {
    Source::Event(number)
}

macro_rules! is {
    (whole) => {
        true
    };
    (seen) => {
        true
    };
    (part) => {
        false
    };
    (bits) => {
        false
    };
    (skip) => {
        false
    };
    (within) => {
        false
    };
}

macro_rules! on {
    ($chip:literal) => {
        Some($chip)
    };
    () => {
        None
    };
}

macro_rules! layouts {
    ($(
        $kind:ident $name:ident $(on $chip:literal)? $size:literal $whole:ident
        $(header $header:literal)? { $($source:expr),* }
        { $($field:ident $at:literal $length:literal $how:ident $(header $other:literal)?;)* }
    )*) => {
        /// The whole table.
        #[must_use]
        pub fn all() -> Vec<Layout> {
            vec![$(Layout {
                name: stringify!($name),
                chip: on!($($chip)?),
                size: $size,
                whole: is!($whole),
                sources: const { &[$($source),*] },
                fields: vec![$(Member {
                    name: stringify!($field),
                    at: $at,
                    size: $length,
                    seen: is!($how),
                    bits: stringify!($how) == "bits",
                }),*],
            }),*]
        }
    };
}

include!("../../../esp32/src/layouts.in");
