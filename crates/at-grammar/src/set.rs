//! Sets of commands: what [`commands!`](crate::commands!) makes of a declaration.
//!
//! ```text
//! commands! { … "AT+LED" { query …; set …; execute …; info …; } }
//!    │
//!    ├─▶ enum of commands   CommandSet   RawLine ─ from_raw ─▶ command ─ write_to ─▶ line
//!    ├─▶ enum of info lines InfoSet      line ─ write_to ─▶ +LED:…   ─ read ─▶ line
//!    └─▶ TABLE              one Row per command
//! ```

use crate::args::{Args, Field, FieldWriter, Mux};
use crate::error::{ArgError, LineError};
use crate::fields::{Fields, InfoLine};
use crate::legacy::{Dialect, Suffix};
use crate::raw::RawLine;
use crate::sink::{Full, Sink};

/// The parameters of a set form: a struct, a tuple of up to four required ones, or a single [`Field`].
pub trait SetForm<'a>: Sized {
    /// Takes the parameters from left to right, count first.
    ///
    /// # Errors
    ///
    /// [`ArgError`]: which parameter is missing, too many or not allowed.
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError>;

    /// Writes the parameters so that [`from_args`](Self::from_args) yields the same struct.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full>;
}

/// A single parameter is its own set form.
impl<'a, T: Field<'a>> SetForm<'a> for T {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(1, 1)?;
        args.required()
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(self)
    }
}

/// Which forms a command has, as `AT+CMD?` announces them. No command has a test form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Forms {
    /// `AT+X?`
    pub query: bool,
    /// `AT+X=…`
    pub set: bool,
    /// `AT+X`
    pub execute: bool,
}

/// One command of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Row {
    /// Name, `AT` included, in capitals.
    pub name: &'static str,
    /// The forms it has.
    pub forms: Forms,
    /// Whether `AT+CMD?` shows it.
    pub visibility: Visibility,
    /// Whether firmware 1.x has it with [`Suffix`]es.
    pub suffixed: bool,
}

/// Where a command is shown and taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Visibility {
    /// `AT+CMD?` lists it.
    Listed,
    /// It is understood, but not announced: a modem of ours always refuses it.
    Unlisted,
    /// Known to [`Dialect::Legacy`] only, and not listed.
    Legacy,
}

impl Visibility {
    const fn known_to(self, dialect: Dialect) -> bool {
        match self {
            Self::Listed | Self::Unlisted => true,
            Self::Legacy => matches!(dialect, Dialect::Legacy),
        }
    }
}

impl Row {
    /// Whether the line is this command's.
    pub(crate) fn is_meant(&self, line: &RawLine<'_>) -> bool {
        line.is(self.name)
            && self.visibility.known_to(line.dialect())
            && (line.suffix().is_none() || self.suffixed)
    }
}

/// A set of commands, made by [`commands!`](crate::commands!).
pub trait CommandSet<'a>: Sized {
    /// The commands, in the order they were declared.
    const TABLE: &'static [Row];

    /// The command of a line. `mux` is the state of `AT+CIPMUX`; it matters only to set forms that
    /// begin with a link number.
    ///
    /// # Errors
    /// [`LineError::UnknownCommand`] if no row has the line's name: another set may have it. Any
    /// other error is final.
    fn from_raw(line: &RawLine<'a>, mux: Mux) -> Result<Self, LineError>;

    /// Name of the command, `AT` included.
    fn name(&self) -> &'static str;

    /// Writes the line without terminator.
    ///
    /// # Errors
    /// `out` is full.
    fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full>;
}

/// The information lines of such a set, as the modem prints and a host reads them.
pub trait InfoSet<'a>: Sized {
    /// Name of the command, `AT` included.
    fn name(&self) -> &'static str;

    /// Writes the line, with its CRLF where it has one, and with `suffix` after the name.
    ///
    /// # Errors
    /// `out` is full.
    fn write_with(&self, suffix: Option<Suffix>, out: &mut dyn Sink) -> Result<(), Full>;

    /// Writes the line, with its CRLF where it has one.
    ///
    /// # Errors
    /// `out` is full.
    fn write_to(&self, out: &mut dyn Sink) -> Result<(), Full> {
        self.write_with(None, out)
    }

    /// Reads a line that was split at its colon: `tag` is the name with `+` and without `AT`. `None`
    /// if it is not a line of this set.
    fn read(tag: &[u8], fields: &'a [u8]) -> Option<Self>;

    /// Reads a line as [`Event::Line`](crate::Event::Line) has it, without its end.
    fn read_line(line: &'a [u8]) -> Option<Self> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (tag, fields) = line.split_at_checked(colon)?;
        Self::read(tag, fields.strip_prefix(b":")?)
    }
}

/// Reads the forms of one row.
pub type Reader<'a, T> = fn(&RawLine<'a>, Mux) -> Result<T, LineError>;

/// The rows of a set one by one, for those that find a row by themselves.
pub trait Rows<'a>: CommandSet<'a> {
    /// The command of a line that is known to be this row's.
    ///
    /// # Errors
    ///
    /// What the row's reader says; [`LineError::UnknownCommand`] if there is no such row.
    fn from_row(row: usize, line: &RawLine<'a>, mux: Mux) -> Result<Self, LineError>;
}

/// Looks a line's command up, row by row.
///
/// # Errors
///
/// [`LineError::UnknownCommand`] if no row has the name; otherwise what the row's reader says.
pub fn search<'a, T: Rows<'a>>(line: &RawLine<'a>, mux: Mux) -> Result<T, LineError> {
    let row = T::TABLE.iter().position(|row| row.is_meant(line));
    T::from_row(row.ok_or(LineError::UnknownCommand)?, line, mux)
}

/// Reads a line as one row does. `readers` belong to the rows one by one.
///
/// # Errors
///
/// What the reader says; [`LineError::UnknownCommand`] if there is no such row.
pub fn read_row<'a, T>(
    readers: &[Reader<'a, T>],
    row: usize,
    line: &RawLine<'a>,
    mux: Mux,
) -> Result<T, LineError> {
    let read = readers.get(row).ok_or(LineError::UnknownCommand)?;
    read(line, mux)
}

/// All of a parameter list as `T`.
///
/// # Errors
///
/// [`LineError`] around what `T` says, or for parameters that it left over.
pub fn set_form<'a, T: SetForm<'a>>(
    line: &RawLine<'a>,
    params: &'a [u8],
    mux: Mux,
) -> Result<T, LineError> {
    let mut args = Args::parse(params, mux)?;
    args.set_legacy(line.suffix().is_some());
    let set = T::from_args(&mut args)?;
    args.finish()?;
    Ok(set)
}

/// `AT+NAME=` and its parameters.
///
/// # Errors
///
/// [`Full`], with the size that was needed, if the sink has no room.
pub fn write_set<'a, T: SetForm<'a>>(name: &str, set: &T, out: &mut dyn Sink) -> Result<(), Full> {
    out.put(name.as_bytes())?;
    out.put(b"=")?;
    set.write_args(&mut FieldWriter::new(out))
}

/// `+NAME:` and the fields of a line, `suffix` after the name.
///
/// # Errors
///
/// [`Full`], with the size that was needed, if the sink has no room.
pub fn write_info<'a, T: InfoLine<'a>>(
    name: &str,
    suffix: Option<Suffix>,
    line: &T,
    out: &mut dyn Sink,
) -> Result<(), Full> {
    out.put(name.strip_prefix("AT").unwrap_or(name).as_bytes())?;
    out.put(suffix.map_or("", Suffix::text).as_bytes())?;
    out.put(b":")?;
    line.write_fields(&mut FieldWriter::new(out))?;
    if T::CLOSED { out.put(b"\r\n") } else { Ok(()) }
}

/// All fields of a line as `T`.
#[must_use]
pub fn read_info<'a, T: InfoLine<'a>>(fields: &'a [u8]) -> Option<T> {
    let mut fields = Fields::new(fields);
    let line = T::read_fields(&mut fields)?;
    fields.is_empty().then_some(line)
}

/// Declares a set of commands: an enum of the commands, an enum of their information lines, and
/// the table that both come from.
///
/// ```
/// use at_grammar::{CommandSet as _, InfoSet as _, Mux, RawLine};
///
/// at_grammar::commands! {
///     /// Commands of the LED.
///     pub enum LedCommand;
///     /// Their information lines.
///     pub enum LedInfo;
///     "AT+LED" { query Query; set Set(u8); execute Toggle; info Level(u8); }
/// }
///
/// let line = RawLine::parse(b"AT+LED=40")?;
/// assert_eq!(LedCommand::from_raw(&line, Mux::Single), Ok(LedCommand::Set(40)));
///
/// let mut out = heapless::Vec::<u8, 32>::new();
/// LedInfo::Level(40).write_to(&mut out)?;
/// assert_eq!(out, b"+LED:40\r\n");
/// assert_eq!(LedInfo::read_line(b"+LED:40"), Some(LedInfo::Level(40)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Each form is named by the variant it gets; a command has those that are written down, in this
/// order. The type of `set` is a [`SetForm`](crate::SetForm), that of `info` an
/// [`InfoLine`](crate::InfoLine). Any [`Field`](crate::args::Field) is both, and so is a tuple of two to
/// four of them. An enum whose types borrow from the line has a lifetime:
/// `pub enum LedCommand<'a>;`. A set without information lines leaves the second enum out.
///
/// Before a name, `unlisted` makes a command that `AT+CMD?` does not show, `legacy` one that only
/// [`Dialect::Legacy`](crate::Dialect::Legacy) knows, and `suffixed` one that firmware 1.x has
/// as `…_CUR` and `…_DEF`. `unlisted set` is taken like `set` and not shown.
#[macro_export]
macro_rules! commands {
    (
        $(#[$meta:meta])* $vis:vis enum $command:ident $(<$lt:lifetime>)?;
        $(#[$info_meta:meta])* $info_vis:vis enum $info_set:ident $(<$info_lt:lifetime>)?;
        $(
            $($kind:ident)? $name:literal {
                $(query $query:ident;)?
                $(set $set:ident($set_type:ty);)?
                $(unlisted set $unlisted:ident($unlisted_type:ty);)?
                $(execute $execute:ident;)?
                $(info $info:ident($info_type:ty);)?
            }
        )*
    ) => {
        $crate::commands! {
            $(#[$meta])*
            $vis enum $command $(<$lt>)?;
            $(
                $($kind)? $name {
                    $(query $query;)?
                    $(set $set($set_type);)?
                    $(unlisted set $unlisted($unlisted_type);)?
                    $(execute $execute;)?
                }
            )*
        }

        $crate::__info_lines! {
            $(#[$info_meta])*
            $info_vis enum $info_set $(<$info_lt>)?;
            $($($name $info($info_type);)?)*
        }
    };
    (
        $(#[$meta:meta])* $vis:vis enum $command:ident $(<$lt:lifetime>)?;
        $(
            $($kind:ident)? $name:literal {
                $(query $query:ident;)?
                $(set $set:ident($set_type:ty);)?
                $(unlisted set $unlisted:ident($unlisted_type:ty);)?
                $(execute $execute:ident;)?
            }
        )*
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $command $(<$lt>)? {
            $(
                $(#[doc = concat!("`", $name, "?`")] $query,)?
                $(#[doc = concat!("`", $name, "=…`")] $set($set_type),)?
                $(#[doc = concat!("`", $name, "=…`, not announced")] $unlisted($unlisted_type),)?
                $(#[doc = concat!("`", $name, "`")] $execute,)?
            )*
        }

        impl<'__a $(: $lt, $lt: '__a)?> $crate::__private::Rows<'__a> for $command $(<$lt>)? {
            fn from_row(
                row: usize,
                line: &$crate::RawLine<'__a>,
                mux: $crate::Mux,
            ) -> ::core::result::Result<Self, $crate::LineError> {
                // One function per row is smaller than all of them, and their names, in this one.
                let readers: &[$crate::__private::Reader<'__a, Self>] = &[$(
                    |line, mux| {
                        let _ = mux;
                        match line.form() {
                            $($crate::Form::Query => ::core::result::Result::Ok(Self::$query),)?
                            $($crate::Form::Set(params) => {
                                $crate::__private::set_form(line, params, mux).map(Self::$set)
                            })?
                            $($crate::Form::Set(params) => {
                                $crate::__private::set_form(line, params, mux).map(Self::$unlisted)
                            })?
                            $($crate::Form::Execute => ::core::result::Result::Ok(Self::$execute),)?
                            _ => ::core::result::Result::Err($crate::LineError::WrongForm),
                        }
                    }
                ),*];
                $crate::__private::read_row(readers, row, line, mux)
            }
        }

        impl<'__a $(: $lt, $lt: '__a)?> $crate::CommandSet<'__a> for $command $(<$lt>)? {
            const TABLE: &'static [$crate::Row] = &[$(
                $crate::Row {
                    name: $name,
                    forms: $crate::Forms {
                        query: $crate::__given!($($query)?),
                        set: $crate::__given!($($set)?),
                        execute: $crate::__given!($($execute)?),
                    },
                    visibility: $crate::__visibility!($($kind)?),
                    suffixed: $crate::__suffixed!($($kind)?),
                }
            ),*];

            fn from_raw(
                line: &$crate::RawLine<'__a>,
                mux: $crate::Mux,
            ) -> ::core::result::Result<Self, $crate::LineError> {
                $crate::__private::search(line, mux)
            }

            fn name(&self) -> &'static str {
                match self {
                    $(
                        $(Self::$query => $name,)?
                        $(Self::$set(_) => $name,)?
                        $(Self::$unlisted(_) => $name,)?
                        $(Self::$execute => $name,)?
                    )*
                }
            }

            fn write_to(
                &self,
                out: &mut dyn $crate::Sink,
            ) -> ::core::result::Result<(), $crate::Full> {
                match self {
                    $(
                        $(Self::$query => out.put(concat!($name, "?").as_bytes()),)?
                        $(Self::$set(set) => $crate::__private::write_set($name, set, out),)?
                        $(Self::$unlisted(set) => $crate::__private::write_set($name, set, out),)?
                        $(Self::$execute => out.put($name.as_bytes()),)?
                    )*
                }
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __info_lines {
    (
        $(#[$info_meta:meta])* $info_vis:vis enum $info_set:ident $(<$info_lt:lifetime>)?;
        $($name:literal $info:ident($info_type:ty);)*
    ) => {
        $(#[$info_meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $info_vis enum $info_set $(<$info_lt>)? {
            $(#[doc = concat!("Line of `", $name, "`")] $info($info_type),)*
        }

        impl<'__a $(: $info_lt, $info_lt: '__a)?> $crate::InfoSet<'__a>
            for $info_set $(<$info_lt>)?
        {
            fn name(&self) -> &'static str {
                match *self {
                    $(Self::$info(_) => $name,)*
                }
            }

            fn write_with(
                &self,
                suffix: ::core::option::Option<$crate::Suffix>,
                out: &mut dyn $crate::Sink,
            ) -> ::core::result::Result<(), $crate::Full> {
                let _ = (suffix, &out);
                match *self {
                    $(
                        Self::$info(ref line) => {
                            $crate::__private::write_info($name, suffix, line, out)
                        }
                    )*
                }
            }

            fn read(tag: &[u8], fields: &'__a [u8]) -> ::core::option::Option<Self> {
                let _ = (tag, fields);
                $(
                    if $name.as_bytes().strip_prefix(b"AT") == ::core::option::Option::Some(tag) {
                        return $crate::__private::read_info(fields).map(Self::$info);
                    }
                )*
                ::core::option::Option::None
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __given {
    () => {
        false
    };
    ($form:ident) => {
        true
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __visibility {
    () => {
        $crate::Visibility::Listed
    };
    (unlisted) => {
        $crate::Visibility::Unlisted
    };
    (legacy) => {
        $crate::Visibility::Legacy
    };
    (suffixed) => {
        $crate::Visibility::Listed
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __suffixed {
    (suffixed) => {
        true
    };
    ($($other:ident)?) => {
        false
    };
}
