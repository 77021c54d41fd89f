//! Tuples as parameter lists: a command with two to four parameters, all required, needs no struct.

use crate::args::{Args, Field, FieldWriter};
use crate::error::ArgError;
use crate::fields::{Fields, InfoLine};
use crate::set::SetForm;
use crate::sink::Full;

macro_rules! tuples {
    ($($count:literal: $($name:ident)+;)+) => { $(
        /// All parameters, in this order; none may be left out.
        impl<'a, $($name: Field<'a>),+> SetForm<'a> for ($($name,)+) {
            fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
                args.takes($count, $count)?;
                Ok(($(args.required::<$name>()?,)+))
            }

            #[expect(non_snake_case, reason = "the values have the names of their types")]
            fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
                let ($($name,)+) = self;
                $(args.value($name)?;)+
                Ok(())
            }
        }

        /// All fields, in this order. A string is written as on a command line, escapes included.
        impl<'a, $($name: Field<'a>),+> InfoLine<'a> for ($($name,)+) {
            #[expect(non_snake_case, reason = "the values have the names of their types")]
            fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
                let ($($name,)+) = self;
                $(out.value($name)?;)+
                Ok(())
            }

            fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
                Some(($(fields.next::<$name>()?,)+))
            }
        }
    )+ };
}

tuples! {
    2: A B;
    3: A B C;
    4: A B C D;
}
