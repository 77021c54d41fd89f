//! One set of log macros for every crate of this workspace.
//!
//! The libraries say what they do through [`trace!`], [`debug!`], [`info!`], [`warn!`] and
//! [`error!`]; the firmware or program on top decides where the lines go by switching on feature
//! `defmt`, `log`, both, or neither. With neither, a line costs nothing but the type check of its
//! arguments.
//!
//! Arguments must suit both backends: `{}` for integers, booleans and `&str`, and `{:?}` for types
//! that implement `Debug` and, under their crate's feature `defmt`, `defmt::Format`.
//!
//! Secrets are not arguments: no key, password, PSK or payload is ever an argument of these macros.
#![no_std]

#[doc(hidden)]
#[cfg(feature = "defmt")]
pub use defmt as __defmt;
#[doc(hidden)]
#[cfg(feature = "log")]
pub use log as __log;

#[doc(hidden)]
#[cfg(feature = "defmt")]
#[macro_export]
macro_rules! __to_defmt {
    ($level:ident, $($arg:tt)*) => {{
        // defmt's macros name their own crate by a relative path.
        use $crate::__defmt as defmt;
        defmt::$level!($($arg)*);
    }};
}

#[doc(hidden)]
#[cfg(not(feature = "defmt"))]
#[macro_export]
macro_rules! __to_defmt {
    ($($arg:tt)*) => {};
}

#[doc(hidden)]
#[cfg(feature = "log")]
#[macro_export]
macro_rules! __to_log {
    ($level:ident, $($arg:tt)*) => {
        $crate::__log::$level!($($arg)*)
    };
}

#[doc(hidden)]
#[cfg(not(feature = "log"))]
#[macro_export]
macro_rules! __to_log {
    ($level:ident, $format:literal $(, $arg:expr)* $(,)?) => {{
        // Arguments stay used, and checked, when no backend is selected.
        let _ = || {
            $(let _ = &$arg;)*
        };
    }};
}

/// Logs at the level for following every byte.
#[macro_export]
macro_rules! trace { ($($arg:tt)*) => {{ $crate::__to_defmt!(trace, $($arg)*); $crate::__to_log!(trace, $($arg)*); }}; }
/// Logs at the level for following one subsystem.
#[macro_export]
macro_rules! debug { ($($arg:tt)*) => {{ $crate::__to_defmt!(debug, $($arg)*); $crate::__to_log!(debug, $($arg)*); }}; }
/// Logs what an operator of the device wants to know.
#[macro_export]
macro_rules! info { ($($arg:tt)*) => {{ $crate::__to_defmt!(info, $($arg)*); $crate::__to_log!(info, $($arg)*); }}; }
/// Logs what checks less than it could, or was given up.
#[macro_export]
macro_rules! warn { ($($arg:tt)*) => {{ $crate::__to_defmt!(warn, $($arg)*); $crate::__to_log!(warn, $($arg)*); }}; }
/// Logs what failed.
#[macro_export]
macro_rules! error { ($($arg:tt)*) => {{ $crate::__to_defmt!(error, $($arg)*); $crate::__to_log!(error, $($arg)*); }}; }

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_type_checks_whoever_listens() {
        let port = 8739_u16;
        crate::info!("listening on port {}", port);
        crate::warn!("no arguments");
    }
}
