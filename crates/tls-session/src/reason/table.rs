//! One row per reason: [`reasons!`](crate::reasons) makes an enum, its numbers and its text from a table.

/// What a script, a host or a manual reads of one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// A stable word: lower case, digits and `_`. Wording may change, codes do not.
    pub code: &'static str,
    /// The number Mbed TLS reports for this, negative.
    pub mbedtls: i32,
    /// Mbed TLS's X.509 verify flags ([`flags`](crate::reason::flags)); 0 where no certificate was at fault.
    pub flags: u32,
    /// The text, with the names of the values in braces.
    pub text: &'static str,
}

/// Makes an enum of reasons, one row each: code, Mbed TLS number, verify flags, text.
///
/// The enum implements [`Display`](core::fmt::Display) and [`Error`](core::error::Error) and has `code`,
/// `mbedtls`, `verify_flags` and `TABLE`. The text names fields in braces, or values made of them behind the
/// text; a field that is in neither is an unused variable.
///
/// ```
/// tls_session::reasons! {
///     /// Why a lamp stays dark.
///     pub enum Dark {
///         /// Nobody switched it on.
///         Off => "off", -0x7100, 0, "switched off";
///         /// The voltage is too low.
///         Voltage { /** In millivolts. */ millivolts: u32 }
///             => "voltage", -0x7100, 0, "{volts} V is too low", volts = millivolts / 1000;
///     }
/// }
/// let dark = Dark::Voltage { millivolts: 3300 };
/// assert_eq!((dark.code(), dark.to_string().as_str()), ("voltage", "3 V is too low"));
/// assert_eq!(Dark::TABLE.len(), 2);
/// ```
#[macro_export]
macro_rules! reasons {
    ($(#[$of_enum:meta])* $visibility:vis enum $name:ident { $(
        $(#[$of_row:meta])* $row:ident
        $(( $(#[$of_value:meta])* $value:ident : $value_type:ty ))?
        $({ $($(#[$of_field:meta])* $field:ident : $field_type:ty),+ $(,)? })?
        => $code:literal, $mbedtls:literal, $flags:expr, $text:literal $(, $part:ident = $made:expr)*;
    )+ }) => {
        $(#[$of_enum])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        $visibility enum $name { $(
            $(#[$of_row])*
            $row $(( $(#[$of_value])* $value_type ))? $({ $($(#[$of_field])* $field: $field_type),+ })?
        ),+ }

        impl $name {
            /// Every row, in the order of the source.
            pub const TABLE: &'static [$crate::reason::Row] = &[ $(
                $crate::reason::Row { code: $code, mbedtls: $mbedtls, flags: $flags, text: $text }
            ),+ ];

            /// A stable word for scripts: lower case, digits and `_`.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $( Self::$row { .. } => $code ),+ }
            }

            /// The number Mbed TLS reports for this, negative.
            #[must_use]
            pub const fn mbedtls(&self) -> i32 {
                match self { $( Self::$row { .. } => $mbedtls ),+ }
            }

            /// Mbed TLS's X.509 verify flags, 0 where no certificate was at fault.
            #[must_use]
            pub const fn verify_flags(&self) -> u32 {
                match self { $( Self::$row { .. } => $flags ),+ }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, out: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match *self { $(
                    Self::$row $(( $value ))? $({ $($field),+ })? => {
                        ::core::write!(out, $text $(, $part = $made)*)
                    }
                ),+ }
            }
        }

        impl ::core::error::Error for $name {}
    };
}
