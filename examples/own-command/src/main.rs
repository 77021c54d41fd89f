//! `at-grammar` with a command of your own: `AT+BLINK=<on>,<off>` in milliseconds, and its line `+BLINK:<on>,<off>`.
//!
//! Both sides of the port use the same declaration. `examples/custom-command` runs such a command in the modem.

use std::error::Error;

use at_grammar::{CommandSet as _, InfoSet as _, Mux, RawLine};

/// Milliseconds of light and of darkness.
type Blink = (u16, u16);

at_grammar::commands! {
    /// Commands of the lamp.
    enum LampCommand;
    /// Their information lines.
    enum LampInfo;
    "AT+BLINK" { query Query; set Set(Blink); info Times(Blink); }
}

fn main() -> Result<(), Box<dyn Error>> {
    // The host writes a line; the modem reads the same value from it.
    let command = LampCommand::Set((50, 950));
    let mut line = Vec::new();
    command.write_to(&mut line)?;
    let read = LampCommand::from_raw(&RawLine::parse(&line)?, Mux::Single)?;
    println!("{}  ->  {read:?}", line.escape_ascii());
    assert_eq!(read, command);
    // The modem answers; the host reads the same value from the line.
    let mut reply = Vec::new();
    LampInfo::Times((50, 950)).write_to(&mut reply)?;
    let info = LampInfo::read_line(reply.trim_ascii_end());
    println!("{}  ->  {info:?}", reply.escape_ascii());
    assert_eq!(info, Some(LampInfo::Times((50, 950))));
    // A line that the declaration does not allow is refused, and says which argument is wrong.
    let refused = RawLine::parse(b"AT+BLINK=50,70000")?;
    let Err(error) = LampCommand::from_raw(&refused, Mux::Single) else {
        return Err("70000 is no u16".into());
    };
    println!(
        "AT+BLINK=50,70000  ->  {error}, ERR CODE:{}",
        error.error_word()
    );
    Ok(())
}
