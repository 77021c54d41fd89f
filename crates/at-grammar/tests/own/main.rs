//! A set of commands declared outside the crate: nothing of it is known to the crate's own tables.

use at_grammar::args::{Args, FieldWriter};
use at_grammar::commands::basic::CommandEntry;
use at_grammar::reply::{Fields, InfoLine};
use at_grammar::{
    ArgError, AtStr, Command, CommandSet, Dialect, ErrorWord, Event, Form, Full, InfoSet,
    LineError, Mux, Progress, RawLine, ReplyParser, SetForm, Visibility, commands, parse_line,
};

/// `AT+LEDNAME=<led>,"<name>"`, and its line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Named<'a> {
    led: u8,
    name: AtStr<'a>,
}

impl Eq for Named<'_> {}

impl<'a> SetForm<'a> for Named<'a> {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(2, 2)?;
        Ok(Self {
            led: args.required()?,
            name: args.required()?,
        })
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(&self.led)?;
        args.value(&self.name)
    }
}

impl<'a> InfoLine<'a> for Named<'a> {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(&self.led)?;
        out.quoted(&self.name)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        Some(Self {
            led: fields.next()?,
            name: fields.quoted()?,
        })
    }
}

commands! {
    /// Commands of the LEDs.
    enum LedCommand<'a>;
    /// Their information lines.
    enum LedInfo<'a>;
    "AT+LED" { query Query; set Set(u8); execute Toggle; info Level(u8); }
    "AT+LEDNAME" { set Name(Named<'a>); info Name(Named<'a>); }
    unlisted "AT+LEDTEST" { execute Test; }
    legacy "AT+LEDOLD" { execute Old; }
    suffixed "AT+LEDMODE" { set Mode(u8); }
}

commands! {
    /// A set without lifetimes and without lines.
    enum Bare;
    /// None.
    enum NoLine;
    "AT+BARE" { execute Bare; }
}

fn read(line: &[u8]) -> Result<LedCommand<'_>, LineError> {
    LedCommand::from_raw(&RawLine::parse(line)?, Mux::Single)
}

#[test]
fn every_form_is_read_and_written() {
    for (line, command) in [
        ("AT+LED?", LedCommand::Query),
        ("AT+LED=40", LedCommand::Set(40)),
        ("AT+LED", LedCommand::Toggle),
        ("AT+LEDTEST", LedCommand::Test),
        (
            "AT+LEDNAME=3,\"a\\\"b\"",
            LedCommand::Name(Named {
                led: 3,
                name: AtStr::from("a\"b"),
            }),
        ),
    ] {
        assert_eq!(read(line.as_bytes()), Ok(command), "{line}");
        assert_eq!(read(line.to_lowercase().as_bytes()), Ok(command), "{line}");
        let mut out = heapless::Vec::<u8, 64>::new();
        command.write_to(&mut out).unwrap();
        assert_eq!(out, line.as_bytes());
        assert!(line.starts_with(command.name()));
        // The crate's own table has none of it.
        assert_eq!(
            parse_line(line.as_bytes(), Mux::Single),
            Err(LineError::UnknownCommand)
        );
    }
    let bare = RawLine::parse(b"AT+BARE").unwrap();
    assert_eq!(Bare::from_raw(&bare, Mux::Single), Ok(Bare::Bare));
    assert_eq!(NoLine::read_line(b"+BARE:1"), None);
}

#[test]
fn a_wrong_line_has_the_word_of_the_documentation() {
    for (line, word) in [
        ("AT+LED=?", 0x010c_0000_u32),
        ("AT+LED ", 0x010c_0000),
        ("AT+LEDNAME", 0x010c_0000),
        ("AT+LEDS", 0x0109_0000),
        ("AT", 0x0109_0000),
        ("AT+LEDOLD", 0x0109_0000),
        ("AT+LEDMODE_CUR=1", 0x0109_0000),
        ("AT+LED=256", 0x0107_0000),
        ("AT+LED=\"40\"", 0x0105_0000),
        ("AT+LED=1,2", 0x0106_0102),
        ("AT+LEDNAME=1", 0x0106_0201),
        ("AT+LEDNAME=1,x", 0x0108_0001),
        ("LED", 0x0103_0000),
    ] {
        let error = read(line.as_bytes()).unwrap_err();
        assert_eq!(
            error.error_word(),
            ErrorWord::from_raw(word).unwrap(),
            "{line}"
        );
    }
}

#[test]
fn names_of_the_legacy_dialect_are_known_to_it_alone() {
    let old = |line| RawLine::parse(line).unwrap().with_dialect(Dialect::Legacy);
    let line = old(b"AT+LEDOLD");
    assert_eq!(
        LedCommand::from_raw(&line, Mux::Single),
        Ok(LedCommand::Old)
    );
    let line = old(b"AT+LEDMODE_CUR=1").without_suffix().unwrap();
    assert_eq!(line.form(), Form::Set(b"1"));
    assert_eq!(
        LedCommand::from_raw(&line, Mux::Single),
        Ok(LedCommand::Mode(1))
    );
    let line = old(b"AT+LED_CUR=1").without_suffix().unwrap();
    let refused = LedCommand::from_raw(&line, Mux::Single);
    assert_eq!(refused, Err(LineError::UnknownCommand));
    assert!(
        RawLine::parse(b"AT+LEDMODE_CUR=1")
            .unwrap()
            .without_suffix()
            .is_none()
    );
}

#[test]
fn the_table_lists_what_is_announced_behind_the_crates_own() {
    let own = Command::inventory().count();
    let from = u16::try_from(own).unwrap();
    let rows: Vec<_> = CommandEntry::listed(LedCommand::TABLE, from)
        .map(|entry| {
            let name = String::from_utf8(entry.name.bytes().collect()).unwrap();
            (entry.index - from, name, entry.forms.query, entry.forms.set)
        })
        .collect();
    let expected = [
        (0, "AT+LED", true, true),
        (1, "AT+LEDNAME", false, true),
        (2, "AT+LEDMODE", false, true),
    ];
    assert_eq!(
        rows,
        expected.map(|(at, name, query, set)| (at, name.to_owned(), query, set))
    );
    let hidden = LedCommand::TABLE
        .iter()
        .find(|row| row.name == "AT+LEDTEST");
    assert_eq!(hidden.unwrap().visibility, Visibility::Unlisted);
}

#[test]
fn a_host_reads_an_own_line_wherever_the_stream_is_cut() {
    let line = LedInfo::Name(Named {
        led: 1,
        name: AtStr::from("door"),
    });
    let mut stream = heapless::Vec::<u8, 64>::new();
    line.write_to(&mut stream).unwrap();
    LedInfo::Level(7).write_to(&mut stream).unwrap();
    assert_eq!(stream, b"+LEDNAME:1,\"door\"\r\n+LED:7\r\n");
    for cut in 0..stream.len() {
        let mut parser = ReplyParser::new();
        let mut input = Vec::new();
        let mut found = Vec::new();
        for piece in [&stream[..cut], &stream[cut..]] {
            input.extend_from_slice(piece);
            while let Progress::Event { event, consumed } = parser.next(&input) {
                let Event::Line(text) = event else {
                    panic!("{event:?}");
                };
                found.push(format!("{:?}", LedInfo::read_line(text).unwrap()));
                input.drain(..consumed);
            }
        }
        assert_eq!(
            found,
            [format!("{line:?}"), format!("{:?}", LedInfo::Level(7))]
        );
    }
    for foreign in [
        &b"+LEDS:7"[..],
        b"+LED",
        b"+LED:x",
        b"+LED:7,8",
        b"LED:7",
        b"+LED=7",
    ] {
        assert_eq!(LedInfo::read_line(foreign), None);
    }
}

commands! {
    /// Commands whose parameters are tuples.
    enum TupleCommand<'a>;
    /// Their lines.
    enum TupleInfo<'a>;
    "AT+BLINK" { set Blink((u16, u16)); info Blink((u16, u16)); }
    "AT+RGB" { set Rgb((u8, u8, u8)); info Rgb((u8, u8, u8)); }
    "AT+TAG" { set Tag((u8, AtStr<'a>, u8, u8)); info Tag((u8, AtStr<'a>, u8, u8)); }
}

/// Without a struct: required parameters in their order, and fields likewise.
#[test]
fn a_tuple_is_a_parameter_list_and_a_line() {
    let tag = (1, AtStr::from("door"), 2, 3);
    for (line, command, reply, info) in [
        (
            "AT+BLINK=50,950",
            TupleCommand::Blink((50, 950)),
            "+BLINK:50,950",
            TupleInfo::Blink((50, 950)),
        ),
        (
            "AT+RGB=1,2,255",
            TupleCommand::Rgb((1, 2, 255)),
            "+RGB:1,2,255",
            TupleInfo::Rgb((1, 2, 255)),
        ),
        (
            "AT+TAG=1,\"door\",2,3",
            TupleCommand::Tag(tag),
            "+TAG:1,\"door\",2,3",
            TupleInfo::Tag(tag),
        ),
    ] {
        let raw = RawLine::parse(line.as_bytes()).unwrap();
        assert_eq!(TupleCommand::from_raw(&raw, Mux::Single), Ok(command));
        let mut out = heapless::Vec::<u8, 64>::new();
        command.write_to(&mut out).unwrap();
        assert_eq!(out, line.as_bytes());
        out.clear();
        info.write_to(&mut out).unwrap();
        assert_eq!(out, format!("{reply}\r\n").as_bytes());
        assert_eq!(TupleInfo::read_line(reply.as_bytes()), Some(info));
    }
    for (line, word) in [
        ("AT+BLINK=1", 0x0106_0201_u32),
        ("AT+BLINK=1,2,3", 0x0106_0203),
        ("AT+BLINK=1,70000", 0x0107_0001),
        ("AT+BLINK=1,\"2\"", 0x0105_0001),
        ("AT+TAG=1,\"x\",2", 0x0106_0403),
    ] {
        let raw = RawLine::parse(line.as_bytes()).unwrap();
        let error = TupleCommand::from_raw(&raw, Mux::Single).unwrap_err();
        assert_eq!(error.error_word().raw(), word, "{line}");
    }
}
