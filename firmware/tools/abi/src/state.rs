//! What is known of registers and memory before an instruction, whichever way it was reached.

use std::collections::BTreeMap;

/// A piece of memory that something points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// What this argument of the first function points to.
    Argument(u8),
    /// What the word at this offset of an argument's memory points to.
    Behind(u8, i32),
    /// What the word at this address points to.
    Global(u32),
    /// What a call from this address returned a pointer to.
    Returned(u32),
    /// The stack.
    Stack,
}

impl Object {
    /// Whether it is memory that the firmware hands over.
    #[must_use]
    pub const fn is_handed_over(self) -> bool {
        matches!(self, Self::Argument(_) | Self::Behind(..) | Self::Global(_))
    }
}

/// What a register or a word in memory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Unknown,
    Number(u32),
    /// A place in an object; no offset if it is not known which.
    Pointer(Object, Option<i32>),
}

impl Value {
    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Pointer(a, _), Self::Pointer(b, _)) if a == b => Self::Pointer(a, None),
            // A pointer, or none.
            (Self::Pointer(..), Self::Number(0)) => self,
            (Self::Number(0), Self::Pointer(..)) => other,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Self::Number(a.wrapping_add(b)),
            (Self::Pointer(object, at), Self::Number(more))
            | (Self::Number(more), Self::Pointer(object, at)) => {
                Self::Pointer(object, at.map(|at| at.wrapping_add(more as i32)))
            }
            (Self::Pointer(object, _), _) | (_, Self::Pointer(object, _)) => {
                Self::Pointer(object, None)
            }
            _ => Self::Unknown,
        }
    }
}

/// Registers, and the words in memory of which something is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    registers: [Value; 32],
    words: BTreeMap<(Object, i32), Value>,
}

/// Numbers of registers.
pub(crate) const RA: u8 = 1;
pub(crate) const SP: u8 = 2;
pub(crate) const A0: u8 = 10;

impl State {
    /// At the start of a function of which only the stack is known.
    pub(crate) fn empty() -> Self {
        let mut state = Self {
            registers: [Value::Unknown; 32],
            words: BTreeMap::new(),
        };
        state.set(SP, Value::Pointer(Object::Stack, Some(0)));
        state
    }

    /// At the start of a function whose arguments are looked at.
    pub(crate) fn at_entry() -> Self {
        let mut state = Self::empty();
        for argument in 0..8 {
            let value = Value::Pointer(Object::Argument(argument), Some(0));
            state.set(A0 + argument, value);
        }
        state
    }

    pub(crate) fn get(&self, register: u8) -> Value {
        match register {
            0 => Value::Number(0),
            _ => self.registers[usize::from(register)],
        }
    }

    pub(crate) fn set(&mut self, register: u8, value: Value) {
        self.registers[usize::from(register)] = value;
    }

    /// The word at a place, if one was stored there.
    pub(crate) fn load(&self, object: Object, at: i32) -> Option<Value> {
        self.words.get(&(object, at)).copied()
    }

    /// A store of `width` bytes.
    pub(crate) fn store(&mut self, object: Object, at: i32, width: u32, value: Value) {
        let whole = width == 4;
        // What it overwrites.
        for before in -3..width as i32 {
            if !(whole && before == 0) {
                self.words.remove(&(object, at + before));
            }
        }
        if whole {
            self.words.insert((object, at), value);
        }
    }

    /// Whether this value leads to memory that the firmware hands over, at once or by one more step.
    pub(crate) fn leads_to_it(&self, value: Value) -> bool {
        let Value::Pointer(object, _) = value else {
            return false;
        };
        if object.is_handed_over() {
            return true;
        }
        // The stack holds what every function saved, arguments among it.
        self.words.iter().any(|((holder, _), held)| {
            *holder == object
                && object != Object::Stack
                && matches!(held, Value::Pointer(to, _) if to.is_handed_over())
        })
    }

    /// After a call: the callee may have changed what it need not save.
    pub(crate) fn clobber(&mut self) {
        for register in (5..=7).chain(A0..=17).chain(28..=31) {
            self.set(register, Value::Unknown);
        }
        self.set(RA, Value::Unknown);
    }

    /// After a call that was followed: registers that are kept are the caller's, memory is the callee's.
    pub(crate) fn resume(&mut self, callee: &Self) {
        self.clobber();
        self.set(A0, callee.get(A0));
        self.words.clone_from(&callee.words);
    }

    /// Whether no register points to one object here and to another there.
    pub(crate) fn points_as(&self, other: &Self) -> bool {
        let mut pairs = self.registers.iter().zip(&other.registers);
        pairs.all(|pair| match pair {
            (Value::Pointer(a, _), Value::Pointer(b, _)) => a == b,
            _ => true,
        })
    }

    /// What is true on both ways. Whether anything of it is new.
    pub(crate) fn merge(&mut self, other: &Self) -> bool {
        let mut changed = false;
        for (mine, theirs) in self.registers.iter_mut().zip(&other.registers) {
            let merged = mine.merge(*theirs);
            changed |= merged != *mine;
            *mine = merged;
        }
        let before = self.words.len();
        self.words
            .retain(|place, _| other.words.contains_key(place));
        changed |= self.words.len() != before;
        for (place, mine) in &mut self.words {
            let theirs = other.words.get(place).copied().unwrap_or(Value::Unknown);
            let merged = mine.merge(theirs);
            changed |= merged != *mine;
            *mine = merged;
        }
        changed
    }
}
