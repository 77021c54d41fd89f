//! RV32IMC and Zicsr, from instruction words to operations (RISC-V unprivileged specification 20191213).

/// One operation with its operands. Compressed instructions become what they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inst {
    /// What is done.
    pub op: Op,
    /// Number of the register that takes the result.
    pub rd: u8,
    /// Number of the first register that is read.
    pub rs1: u8,
    /// Number of the second register that is read.
    pub rs2: u8,
    /// Bytes: 2 or 4.
    pub len: u8,
    /// Immediate, sign-extended; of `Csr*` the register's number.
    pub imm: u32,
}

/// Operations by their mnemonics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[rustfmt::skip]
#[expect(missing_docs, reason = "the specification names them")]
pub enum Op {
    Lui, Auipc, Jal, Jalr,
    Beq, Bne, Blt, Bge, Bltu, Bgeu,
    Lb, Lh, Lw, Lbu, Lhu, Sb, Sh, Sw,
    Addi, Slti, Sltiu, Xori, Ori, Andi, Slli, Srli, Srai,
    Add, Sub, Sll, Slt, Sltu, Xor, Srl, Sra, Or, And,
    Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu,
    Fence, Ecall, Ebreak, Mret, Wfi,
    Csrrw, Csrrs, Csrrc, Csrrwi, Csrrsi, Csrrci,
    /// Not an instruction: a function that is done outside.
    Hook,
    Illegal,
}

const fn bits(word: u32, high: u32, low: u32) -> u32 {
    (word >> low) & ((1 << (high - low + 1)) - 1)
}

const fn sign(value: u32, width: u32) -> u32 {
    let unused = 32 - width;
    (((value << unused) as i32) >> unused) as u32
}

/// The instruction at the start of `word`, of which a compressed one takes the low half.
#[must_use]
pub fn decode(word: u32) -> Inst {
    if word & 3 == 3 {
        full(word)
    } else {
        compressed(word & 0xffff)
    }
}

#[expect(clippy::too_many_lines, reason = "an arm per major opcode")]
fn full(word: u32) -> Inst {
    let (rd, rs1, rs2) = (bits(word, 11, 7), bits(word, 19, 15), bits(word, 24, 20));
    let (funct3, funct7) = (bits(word, 14, 12), bits(word, 31, 25));
    let i = sign(word >> 20, 12);
    let s = sign(funct7 << 5 | rd, 12);
    let b = sign(
        bits(word, 31, 31) << 12
            | bits(word, 7, 7) << 11
            | bits(word, 30, 25) << 5
            | bits(word, 11, 8) << 1,
        13,
    );
    let j = sign(
        bits(word, 31, 31) << 20
            | bits(word, 19, 12) << 12
            | bits(word, 20, 20) << 11
            | bits(word, 30, 21) << 1,
        21,
    );
    let (op, imm) = match bits(word, 6, 0) {
        0x37 => (Op::Lui, word & 0xffff_f000),
        0x17 => (Op::Auipc, word & 0xffff_f000),
        0x6f => (Op::Jal, j),
        0x67 if funct3 == 0 => (Op::Jalr, i),
        0x63 => {
            let op = match funct3 {
                0 => Op::Beq,
                1 => Op::Bne,
                4 => Op::Blt,
                5 => Op::Bge,
                6 => Op::Bltu,
                7 => Op::Bgeu,
                _ => Op::Illegal,
            };
            (op, b)
        }
        0x03 => {
            let op = match funct3 {
                0 => Op::Lb,
                1 => Op::Lh,
                2 => Op::Lw,
                4 => Op::Lbu,
                5 => Op::Lhu,
                _ => Op::Illegal,
            };
            (op, i)
        }
        0x23 => {
            let op = match funct3 {
                0 => Op::Sb,
                1 => Op::Sh,
                2 => Op::Sw,
                _ => Op::Illegal,
            };
            (op, s)
        }
        0x13 => match (funct3, funct7) {
            (0, _) => (Op::Addi, i),
            (2, _) => (Op::Slti, i),
            (3, _) => (Op::Sltiu, i),
            (4, _) => (Op::Xori, i),
            (6, _) => (Op::Ori, i),
            (7, _) => (Op::Andi, i),
            (1, 0) => (Op::Slli, rs2),
            (5, 0) => (Op::Srli, rs2),
            (5, 0x20) => (Op::Srai, rs2),
            _ => (Op::Illegal, 0),
        },
        0x33 => (register_op(funct3, funct7), 0),
        0x0f => (Op::Fence, 0),
        0x73 => match (funct3, word >> 20) {
            (0, 0) => (Op::Ecall, 0),
            (0, 1) => (Op::Ebreak, 0),
            (0, 0x302) => (Op::Mret, 0),
            (0, 0x105) => (Op::Wfi, 0),
            (1, csr) => (Op::Csrrw, csr),
            (2, csr) => (Op::Csrrs, csr),
            (3, csr) => (Op::Csrrc, csr),
            (5, csr) => (Op::Csrrwi, csr),
            (6, csr) => (Op::Csrrsi, csr),
            (7, csr) => (Op::Csrrci, csr),
            _ => (Op::Illegal, 0),
        },
        _ => (Op::Illegal, 0),
    };
    Inst {
        op,
        rd: rd as u8,
        rs1: rs1 as u8,
        rs2: rs2 as u8,
        len: 4,
        imm,
    }
}

const fn register_op(funct3: u32, funct7: u32) -> Op {
    match (funct7, funct3) {
        (0, 0) => Op::Add,
        (0x20, 0) => Op::Sub,
        (0, 1) => Op::Sll,
        (0, 2) => Op::Slt,
        (0, 3) => Op::Sltu,
        (0, 4) => Op::Xor,
        (0, 5) => Op::Srl,
        (0x20, 5) => Op::Sra,
        (0, 6) => Op::Or,
        (0, 7) => Op::And,
        (1, 0) => Op::Mul,
        (1, 1) => Op::Mulh,
        (1, 2) => Op::Mulhsu,
        (1, 3) => Op::Mulhu,
        (1, 4) => Op::Div,
        (1, 5) => Op::Divu,
        (1, 6) => Op::Rem,
        (1, 7) => Op::Remu,
        _ => Op::Illegal,
    }
}

const RA: u32 = 1;
const SP: u32 = 2;

#[expect(clippy::too_many_lines, reason = "an arm per compressed instruction")]
fn compressed(half: u32) -> Inst {
    // The three-bit fields name x8 to x15.
    let (low, high) = (bits(half, 4, 2) + 8, bits(half, 9, 7) + 8);
    let (rd, rs2) = (bits(half, 11, 7), bits(half, 6, 2));
    let imm6 = sign(bits(half, 12, 12) << 5 | rs2, 6);
    let shamt = bits(half, 12, 12) << 5 | rs2;
    let word_offset = bits(half, 12, 10) << 3 | bits(half, 6, 6) << 2 | bits(half, 5, 5) << 6;
    let jump = sign(
        bits(half, 12, 12) << 11
            | bits(half, 11, 11) << 4
            | bits(half, 10, 9) << 8
            | bits(half, 8, 8) << 10
            | bits(half, 7, 7) << 6
            | bits(half, 6, 6) << 7
            | bits(half, 5, 3) << 1
            | bits(half, 2, 2) << 5,
        12,
    );
    let branch = sign(
        bits(half, 12, 12) << 8
            | bits(half, 11, 10) << 3
            | bits(half, 6, 5) << 6
            | bits(half, 4, 3) << 1
            | bits(half, 2, 2) << 5,
        9,
    );
    let (op, rd, rs1, rs2, imm) = match (half & 3, bits(half, 15, 13)) {
        (0, 0) => {
            let imm = bits(half, 12, 11) << 4
                | bits(half, 10, 7) << 6
                | bits(half, 6, 6) << 2
                | bits(half, 5, 5) << 3;
            let op = if imm == 0 { Op::Illegal } else { Op::Addi };
            (op, low, SP, 0, imm)
        }
        (0, 2) => (Op::Lw, low, high, 0, word_offset),
        (0, 6) => (Op::Sw, 0, high, low, word_offset),
        (1, 0) => (Op::Addi, rd, rd, 0, imm6),
        (1, 1) => (Op::Jal, RA, 0, 0, jump),
        (1, 2) => (Op::Addi, rd, 0, 0, imm6),
        (1, 3) if rd == SP => {
            let imm = sign(
                bits(half, 12, 12) << 9
                    | bits(half, 6, 6) << 4
                    | bits(half, 5, 5) << 6
                    | bits(half, 4, 3) << 7
                    | bits(half, 2, 2) << 5,
                10,
            );
            let op = if imm == 0 { Op::Illegal } else { Op::Addi };
            (op, SP, SP, 0, imm)
        }
        (1, 3) => {
            let op = if imm6 == 0 { Op::Illegal } else { Op::Lui };
            (op, rd, 0, 0, imm6 << 12)
        }
        (1, 4) => match (bits(half, 11, 10), bits(half, 12, 12), bits(half, 6, 5)) {
            (0, 0, _) => (Op::Srli, high, high, 0, shamt),
            (1, 0, _) => (Op::Srai, high, high, 0, shamt),
            (2, _, _) => (Op::Andi, high, high, 0, imm6),
            (3, 0, 0) => (Op::Sub, high, high, low, 0),
            (3, 0, 1) => (Op::Xor, high, high, low, 0),
            (3, 0, 2) => (Op::Or, high, high, low, 0),
            (3, 0, 3) => (Op::And, high, high, low, 0),
            _ => (Op::Illegal, 0, 0, 0, 0),
        },
        (1, 5) => (Op::Jal, 0, 0, 0, jump),
        (1, 6) => (Op::Beq, 0, high, 0, branch),
        (1, 7) => (Op::Bne, 0, high, 0, branch),
        (2, 0) if shamt < 32 => (Op::Slli, rd, rd, 0, shamt),
        (2, 2) if rd != 0 => {
            let imm = bits(half, 12, 12) << 5 | bits(half, 6, 4) << 2 | bits(half, 3, 2) << 6;
            (Op::Lw, rd, SP, 0, imm)
        }
        (2, 4) => match (bits(half, 12, 12), rd, rs2) {
            (0, 0, 0) => (Op::Illegal, 0, 0, 0, 0),
            (0, _, 0) => (Op::Jalr, 0, rd, 0, 0),
            (0, _, _) => (Op::Add, rd, 0, rs2, 0),
            (_, 0, 0) => (Op::Ebreak, 0, 0, 0, 0),
            (_, _, 0) => (Op::Jalr, RA, rd, 0, 0),
            (_, _, _) => (Op::Add, rd, rd, rs2, 0),
        },
        (2, 6) => {
            let imm = bits(half, 12, 9) << 2 | bits(half, 8, 7) << 6;
            (Op::Sw, 0, SP, rs2, imm)
        }
        _ => (Op::Illegal, 0, 0, 0, 0),
    };
    Inst {
        op,
        rd: rd as u8,
        rs1: rs1 as u8,
        rs2: rs2 as u8,
        len: 2,
        imm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `llvm-objdump` says of the same words.
    #[test]
    fn instructions_of_each_form() {
        #[rustfmt::skip]
        let table: &[(u32, Op, u32, u32, u32, u32, u32)] = &[
            // word          op        rd  rs1 rs2 len imm
            (0x1234_5537, Op::Lui,     10, 8,  3,  4, 0x1234_5000),
            (0xff01_0113, Op::Addi,    2,  2,  16, 4, (-16_i32) as u32),
            (0x0011_2623, Op::Sw,      12, 2,  1,  4, 12),
            (0xfe05_0ee3, Op::Beq,     29, 10, 0,  4, (-4_i32) as u32),
            (0x008000ef,  Op::Jal,     1,  0,  8,  4, 8),
            (0x3420_2573, Op::Csrrs,   10, 0,  2,  4, 0x342),
            (0x02b5_0533, Op::Mul,     10, 10, 11, 4, 0),
            (0x4055_5513, Op::Srai,    10, 10, 5,  4, 5),
            (0x3020_0073, Op::Mret,    0,  0,  2,  4, 0),
            (0x1141,      Op::Addi,    2,  2,  0,  2, (-16_i32) as u32),
            (0xc606,      Op::Sw,      0,  2,  1,  2, 12),
            (0x40b2,      Op::Lw,      1,  2,  0,  2, 12),
            (0x8082,      Op::Jalr,    0,  1,  0,  2, 0),
            (0x4501,      Op::Addi,    10, 0,  0,  2, 0),
            (0x852e,      Op::Add,     10, 0,  11, 2, 0),
            (0x9532,      Op::Add,     10, 10, 12, 2, 0),
            (0x8d0d,      Op::Sub,     10, 10, 11, 2, 0),
            (0x6105,      Op::Addi,    2,  2,  0,  2, 32),
            (0x7139,      Op::Addi,    2,  2,  0,  2, (-64_i32) as u32),
            (0x757d,      Op::Lui,     10, 0,  0,  2, 0xffff_f000),
            (0x0808,      Op::Addi,    10, 2,  0,  2, 16),
            (0x4588,      Op::Lw,      10, 11, 0,  2, 8),
            (0xc588,      Op::Sw,      0,  11, 10, 2, 8),
            (0xbfcd,      Op::Jal,     0,  0,  0,  2, (-14_i32) as u32),
            (0xdd7d,      Op::Beq,     0,  10, 0,  2, (-2_i32) as u32),
            (0x0000,      Op::Illegal, 8,  2,  0,  2, 0),
        ];
        for &(word, op, rd, rs1, rs2, len, imm) in table {
            let inst = decode(word);
            let found = (
                inst.op,
                u32::from(inst.rd),
                u32::from(inst.rs1),
                u32::from(inst.len),
                inst.imm,
            );
            assert_eq!(found, (op, rd, rs1, len, imm), "{word:#x}");
            assert_eq!(u32::from(inst.rs2), rs2, "{word:#x}");
        }
    }
}
