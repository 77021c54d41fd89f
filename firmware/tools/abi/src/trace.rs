//! Follows a function of the libraries along all its ways, and the functions that it hands its
//! arguments to, and notes each access to what the arguments point to.
//!
//! ```text
//! esp_wifi_ap_get_sta_list(list) ─▶ request = malloc(24); request[20] = list; ieee80211_ioctl(request)
//!                                                                               │ calls request[4]
//!                                   wifi_get_sta_list_process(request) ◀────────┘
//!                                   memset(list, 0, 184) ─▶ Access { Argument(0), 0, 184, write }
//! ```
//!
//! It is an abstract interpretation: a register holds a number, a place in a known piece of memory, or
//! anything. Where ways meet, what differs becomes anything. So what is noted may happen; a library that
//! reaches its argument by another way, through a global variable for instance, is not seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use crate::decode::{Inst, Op, decode};
use crate::program::Program;
use crate::state::{A0, Object, RA, State, Value};

/// How deep calls are followed.
const DEPTH: u32 = 8;

/// How many ways to a place are kept apart.
const WAYS: usize = 4;

/// Functions of C that touch memory and whose third argument is a length: which of their arguments are
/// written and read.
const OF_C: [(&str, Option<u8>, Option<u8>, u8); 6] = [
    ("memset", Some(0), None, 2),
    ("bzero", Some(0), None, 1),
    ("memcpy", Some(0), Some(1), 2),
    ("memmove", Some(0), Some(1), 2),
    ("strncpy", Some(0), Some(1), 2),
    ("memcmp", None, Some(0), 2),
];

/// Takes a request: its word at offset 4 is the function that executes it.
const EXECUTES: &str = "ieee80211_ioctl";
const EXECUTED: i32 = 4;
/// Print their arguments.
const PRINT: [&str; 4] = ["wifi_log", "net80211_printf", "printf", "puts"];

/// An access to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Which memory.
    pub object: Object,
    /// Bytes from its start; `None` if computed.
    pub at: Option<i32>,
    /// Bytes; `None` if computed.
    pub length: Option<u32>,
    /// Whether it is written.
    pub write: bool,
    /// By which instruction.
    pub by: u32,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.write { "a write" } else { "a read" };
        f.write_str(what)?;
        match self.length {
            Some(length) => write!(f, " of {length} bytes")?,
            None => f.write_str(" of some bytes")?,
        }
        match self.at {
            Some(at) => write!(f, " at {at}")?,
            None => f.write_str(" at a computed place")?,
        }
        write!(f, " (by the instruction at {:#x})", self.by)
    }
}

/// A call that is of interest, with the arguments that are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// By which instruction.
    pub by: u32,
    /// The first three arguments.
    pub arguments: [Option<u32>; 3],
}

/// A copy of memory that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Copied {
    to: (Object, i32),
    from: (Object, i32),
    length: u32,
}

/// Where an instruction leads.
enum Next {
    /// To the next instruction, or to others.
    To(Vec<u32>),
    Return,
    /// Nowhere that is known.
    End,
}

/// What was noted while functions were followed.
#[derive(Debug)]
pub struct Trace<'a> {
    program: &'a Program,
    /// Whether calls are followed.
    follows: bool,
    accesses: BTreeSet<Access>,
    copies: Vec<Copied>,
    /// Calls of this function are noted.
    watched: Option<u32>,
    /// A word that points to what is looked at.
    global: Option<u32>,
    calls: BTreeSet<Call>,
    /// What was computed before.
    known: HashMap<(u32, State), Option<State>>,
}

impl<'a> Trace<'a> {
    /// Follows the function of this name; `None` if the program does not have it.
    #[must_use]
    pub fn of(program: &'a Program, function: &str) -> Option<Self> {
        let mut trace = Self::new(program, true, None);
        trace.run(program.address(function)?, State::at_entry(), 0);
        Some(trace)
    }

    /// Every function's accesses to what this global pointer points to; `None` if the program does not
    /// have it.
    #[must_use]
    pub fn of_global(program: &'a Program, pointer: &str) -> Option<(Self, Object)> {
        let mut trace = Self::new(program, false, None);
        let address = program.address(pointer)?;
        trace.global = Some(address);
        for (start, _) in program.functions() {
            trace.run(start, State::empty(), 0);
        }
        Some((trace, Object::Global(address)))
    }

    /// All calls of a function.
    #[must_use]
    pub fn calls_of(program: &'a Program, function: &str) -> Vec<Call> {
        let Some(watched) = program.address(function) else {
            return Vec::new();
        };
        let mut calls = Vec::new();
        for (start, length) in program.functions() {
            if jumps_to(program, start, length, watched) {
                let mut trace = Self::new(program, false, Some(watched));
                trace.run(start, State::empty(), 0);
                calls.extend(trace.calls);
            }
        }
        calls
    }

    fn new(program: &'a Program, follows: bool, watched: Option<u32>) -> Self {
        Self {
            program,
            follows,
            accesses: BTreeSet::new(),
            copies: Vec::new(),
            watched,
            global: None,
            calls: BTreeSet::new(),
            known: HashMap::new(),
        }
    }

    /// What was noted, of one piece of memory.
    pub fn accesses(&self, object: Object) -> impl Iterator<Item = &Access> {
        self.accesses
            .iter()
            .filter(move |access| access.object == object)
    }

    /// Follows one function; what is true when it returns, if it does.
    fn run(&mut self, entry: u32, state: State, depth: u32) -> Option<State> {
        let key = (entry, state);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        // A function that calls itself: its second run shows nothing new.
        self.known.insert(key.clone(), None);
        let mut before = BTreeMap::from([(entry, vec![key.1.clone()])]);
        let mut left = vec![(entry, 0)];
        let mut end: Option<State> = None;
        while let Some((at, way)) = left.pop() {
            let Some(mut state) = before.get(&at).and_then(|ways| ways.get(way)).cloned() else {
                continue;
            };
            match self.step(at, &mut state, depth) {
                Next::To(places) => {
                    for place in places {
                        let ways = before.entry(place).or_default();
                        left.extend(arrive(ways, &state).map(|way| (place, way)));
                    }
                }
                Next::Return => match &mut end {
                    Some(end) => {
                        end.merge(&state);
                    }
                    None => end = Some(state),
                },
                Next::End => {}
            }
        }
        self.known.insert(key, end.clone());
        end
    }

    fn step(&mut self, at: u32, state: &mut State, depth: u32) -> Next {
        let Some(word) = self.program.word(at) else {
            return Next::End;
        };
        let inst = decode(word);
        let next = at + u32::from(inst.len);
        match inst.op {
            Op::Jal => {
                let target = at.wrapping_add(inst.imm);
                self.jump(at, target, inst.rd, next, state, depth)
            }
            Op::Jalr => match state.get(inst.rs1) {
                _ if inst.rd == 0 && inst.rs1 == RA && inst.imm == 0 => Next::Return,
                Value::Number(base) => {
                    let target = base.wrapping_add(inst.imm) & !1;
                    self.jump(at, target, inst.rd, next, state, depth)
                }
                // A jump within a table, or a call by a pointer.
                _ if inst.rd == 0 => Next::Return,
                _ => {
                    returned(at, state);
                    Next::To(vec![next])
                }
            },
            Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => {
                Next::To(branches(inst, at, next, state))
            }
            Op::Ecall | Op::Ebreak | Op::Mret => Next::End,
            Op::Lb | Op::Lh | Op::Lw | Op::Lbu | Op::Lhu => {
                self.load(inst, at, state);
                Next::To(vec![next])
            }
            Op::Sb | Op::Sh | Op::Sw => {
                self.store(inst, at, state);
                Next::To(vec![next])
            }
            _ => {
                compute(inst, at, state);
                Next::To(vec![next])
            }
        }
    }

    /// A jump or a call: of a function, or within one.
    fn jump(
        &mut self,
        at: u32,
        target: u32,
        link: u8,
        next: u32,
        state: &mut State,
        depth: u32,
    ) -> Next {
        let is_function = self.program.names(target).next().is_some();
        if link == 0 && !is_function {
            return Next::To(vec![target]);
        }
        self.call(at, target, state, depth);
        match link {
            0 => Next::Return,
            _ => Next::To(vec![next]),
        }
    }

    fn call(&mut self, at: u32, target: u32, state: &mut State, depth: u32) {
        let program = self.program;
        let is = |name: &str| program.names(target).any(|each| each == name);
        if self.watched == Some(target) {
            let number = |register| match state.get(A0 + register) {
                Value::Number(number) => Some(number),
                _ => None,
            };
            let arguments = [number(0), number(1), number(2)];
            self.calls.insert(Call { by: at, arguments });
        }
        if let Some((_, written, read, length)) = OF_C.iter().find(|(name, ..)| is(name)) {
            self.copy(at, *written, *read, *length, state);
            let first = state.get(A0);
            state.clobber();
            // All but one return it.
            state.set(A0, first);
            return;
        }
        let mut target = target;
        if is(EXECUTES)
            && let Value::Pointer(request, Some(offset)) = state.get(A0)
            && let Some(Value::Number(executed)) = state.load(request, offset + EXECUTED)
        {
            target = executed;
        }
        let leads = (A0..A0 + 8).any(|register| self.leads_to_it(state, state.get(register)));
        let prints = PRINT.iter().any(|name| is(name));
        if !self.follows || !leads || prints || depth >= DEPTH {
            returned(at, state);
            return;
        }
        match self.run(target, state.clone(), depth + 1) {
            Some(callee) => state.resume(&callee),
            None => returned(at, state),
        }
    }

    /// Whether a value leads to memory that was handed over, or to a copy of it.
    fn leads_to_it(&self, state: &State, value: Value) -> bool {
        let is_copy = |object| self.copies.iter().any(|copied| copied.to.0 == object);
        state.leads_to_it(value) || matches!(value, Value::Pointer(object, _) if is_copy(object))
    }

    fn note(&mut self, object: Object, at: Option<i32>, length: Option<u32>, write: bool, by: u32) {
        let access = Access {
            object,
            at,
            length,
            write,
            by,
        };
        if object.is_handed_over() {
            self.accesses.insert(access);
        } else if let Some(at) = at {
            for copied in &self.copies {
                let (to, start) = copied.to;
                let within = at.wrapping_sub(start);
                if to == object && !write && (0..copied.length as i32).contains(&within) {
                    self.accesses.insert(Access {
                        object: copied.from.0,
                        at: Some(copied.from.1 + within),
                        ..access
                    });
                }
            }
        }
    }

    fn load(&mut self, inst: Inst, by: u32, state: &mut State) {
        let width = match inst.op {
            Op::Lw => 4,
            Op::Lh | Op::Lhu => 2,
            _ => 1,
        };
        let mut value = Value::Unknown;
        if let Value::Number(base) = state.get(inst.rs1) {
            let at = base.wrapping_add(inst.imm);
            if self.global == Some(at) {
                value = Value::Pointer(Object::Global(at), Some(0));
            }
        }
        if let Value::Pointer(object, at) = state.get(inst.rs1) {
            let at = at.map(|at| at.wrapping_add(inst.imm as i32));
            self.note(object, at, Some(width), false, by);
            if let (4, Some(at)) = (width, at) {
                value = match (state.load(object, at), object) {
                    (Some(value), _) => value,
                    (None, Object::Argument(argument)) => {
                        Value::Pointer(Object::Behind(argument, at), Some(0))
                    }
                    (None, _) => Value::Unknown,
                };
            }
        }
        state.set(inst.rd, value);
    }

    fn store(&mut self, inst: Inst, by: u32, state: &mut State) {
        let width = match inst.op {
            Op::Sw => 4,
            Op::Sh => 2,
            _ => 1,
        };
        if let Value::Pointer(object, at) = state.get(inst.rs1) {
            let at = at.map(|at| at.wrapping_add(inst.imm as i32));
            self.note(object, at, Some(width), true, by);
            if let Some(at) = at {
                state.store(object, at, width, state.get(inst.rs2));
            }
        }
    }

    /// A call of one of [`OF_C`].
    fn copy(&mut self, by: u32, to: Option<u8>, from: Option<u8>, length: u8, state: &State) {
        let length = match state.get(A0 + length) {
            Value::Number(length) => Some(length),
            _ => None,
        };
        let place = |argument: Option<u8>| match state.get(A0 + argument?) {
            Value::Pointer(object, at) => Some((object, at)),
            _ => None,
        };
        let (to, from) = (place(to), place(from));
        if let Some((object, at)) = from {
            self.note(object, at, length, false, by);
        }
        if let Some((object, at)) = to {
            self.note(object, at, length, true, by);
        }
        if let (Some((to, Some(start))), Some((from, Some(first))), Some(length)) =
            (to, from, length)
        {
            let copied = Copied {
                to: (to, start),
                from: (from, first),
                length,
            };
            if from.is_handed_over() && !self.copies.contains(&copied) {
                self.copies.push(copied);
            }
        }
    }
}

/// Adds what is known on one more way to a place; which of the ways must be followed again.
///
/// Ways on which a register points to different objects are kept apart, up to [`WAYS`].
fn arrive(ways: &mut Vec<State>, state: &State) -> Option<usize> {
    let full = ways.len() >= WAYS;
    let alike = ways.iter().position(|way| way.points_as(state));
    match alike.or(full.then_some(0)) {
        Some(index) => ways.get_mut(index)?.merge(state).then_some(index),
        None => {
            ways.push(state.clone());
            Some(ways.len() - 1)
        }
    }
}

/// After a call that was not followed.
fn returned(at: u32, state: &mut State) {
    state.clobber();
    state.set(A0, Value::Pointer(Object::Returned(at), Some(0)));
}

/// Where a branch leads: to one place if it compares numbers, else to both.
fn branches(inst: Inst, at: u32, next: u32, state: &State) -> Vec<u32> {
    let target = at.wrapping_add(inst.imm);
    let (Value::Number(a), Value::Number(b)) = (state.get(inst.rs1), state.get(inst.rs2)) else {
        return vec![next, target];
    };
    let taken = match inst.op {
        Op::Beq => a == b,
        Op::Bne => a != b,
        Op::Blt => (a as i32) < b as i32,
        Op::Bge => a as i32 >= b as i32,
        Op::Bltu => a < b,
        _ => a >= b,
    };
    vec![if taken { target } else { next }]
}

fn compute(inst: Inst, at: u32, state: &mut State) {
    let (a, b) = (state.get(inst.rs1), state.get(inst.rs2));
    let immediate = Value::Number(inst.imm);
    let value = match (inst.op, a, b) {
        (Op::Lui, ..) => immediate,
        (Op::Auipc, ..) => Value::Number(at.wrapping_add(inst.imm)),
        (Op::Addi, a, _) => a.plus(immediate),
        (Op::Add, a, b) => a.plus(b),
        (Op::Sub, a, Value::Number(b)) => a.plus(Value::Number(b.wrapping_neg())),
        (Op::Slli, Value::Number(a), _) => Value::Number(a << (inst.imm & 31)),
        (Op::Ori, Value::Number(a), _) => Value::Number(a | inst.imm),
        (Op::Andi, Value::Number(a), _) => Value::Number(a & inst.imm),
        _ => Value::Unknown,
    };
    state.set(inst.rd, value);
}

/// Whether a function jumps to an address, directly.
fn jumps_to(program: &Program, start: u32, length: u32, target: u32) -> bool {
    let mut at = start;
    let mut high = None;
    while at < start + length {
        let Some(word) = program.word(at) else {
            return false;
        };
        let inst = decode(word);
        let to = match (inst.op, high) {
            (Op::Jal, _) => Some(at.wrapping_add(inst.imm)),
            (Op::Jalr, Some((register, high))) if register == inst.rs1 => {
                Some(inst.imm.wrapping_add(high))
            }
            _ => None,
        };
        if to == Some(target) {
            return true;
        }
        high = (inst.op == Op::Auipc).then(|| (inst.rd, at.wrapping_add(inst.imm)));
        at += u32::from(inst.len);
    }
    false
}
