//! A recursive-descent parser of JSON documents into a tree, and a writer back: `String`, `Vec`, `Box`, enums and the
//! standard allocator, as in a contract that was written without thinking of gas.
#![crate_type = "cdylib"]

#[no_mangle]
pub static mut checksum: u64 = 0;

enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

#[derive(Debug)]
enum ParseError {
    UnexpectedEnd,
    Unexpected(u8, usize),
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Result<u8, ParseError> {
        self.bytes.get(self.at).copied().ok_or(ParseError::UnexpectedEnd)
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, literal: &str) -> Result<(), ParseError> {
        for byte in literal.bytes() {
            if self.peek()? != byte {
                return Err(ParseError::Unexpected(self.peek()?, self.at));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, ParseError> {
        self.skip_space();
        let value = match self.peek()? {
            b'n' => self.expect("null").map(|()| Value::Null)?,
            b't' => self.expect("true").map(|()| Value::Bool(true))?,
            b'f' => self.expect("false").map(|()| Value::Bool(false))?,
            b'"' => Value::Text(self.text()?),
            b'[' => self.list()?,
            b'{' => self.object()?,
            b'-' | b'0'..=b'9' => Value::Integer(self.integer()?),
            other => return Err(ParseError::Unexpected(other, self.at)),
        };
        self.skip_space();
        Ok(value)
    }

    fn integer(&mut self) -> Result<i64, ParseError> {
        let negative = self.peek()? == b'-';
        if negative {
            self.at += 1;
        }
        let mut value: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            value = value.wrapping_mul(10).wrapping_add((digit - b'0') as i64);
            self.at += 1;
        }
        Ok(if negative { -value } else { value })
    }

    fn text(&mut self) -> Result<String, ParseError> {
        self.expect("\"")?;
        let mut text = String::new();
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    text.push(match self.peek()? {
                        b'n' => '\n',
                        b't' => '\t',
                        other => other as char,
                    });
                }
                other => text.push(other as char),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(text)
    }

    fn list(&mut self) -> Result<Value, ParseError> {
        self.expect("[")?;
        let mut items = Vec::new();
        self.skip_space();
        while self.peek()? != b']' {
            items.push(self.value()?);
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Ok(Value::List(items))
    }

    fn object(&mut self) -> Result<Value, ParseError> {
        self.expect("{")?;
        let mut fields = Vec::new();
        self.skip_space();
        while self.peek()? != b'}' {
            self.skip_space();
            let key = self.text()?;
            self.skip_space();
            self.expect(":")?;
            fields.push((key, self.value()?));
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Ok(Value::Object(fields))
    }
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Integer(number) => out.push_str(&number.to_string()),
        Value::Text(text) => write_text(text, out),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (i, (key, item)) in fields.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '"' | '\\' => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    out.push('"');
}

fn document() -> String {
    let mut text = String::from("{ \"accounts\": [");
    for i in 0..2_600u64 {
        if i > 0 {
            text.push_str(", ");
        }
        let balance = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        text.push_str(&format!(
            "{{ \"id\": {i}, \"name\": \"account \\\"{i}\\\"\\n\", \"balance\": -{balance}, \"frozen\": {}, \"tags\": [1, null, \"x\"] }}",
            i % 3 == 0
        ));
    }
    text.push_str("] }");
    text
}

#[no_mangle]
pub extern "C" fn run() {
    let mut text = document();
    let mut sum: u64 = 0;
    for _ in 0..4 {
        let value = Parser { bytes: text.as_bytes(), at: 0 }.value().unwrap();
        text.clear();
        write(&value, &mut text);
        sum = text.bytes().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte as u64));
    }
    unsafe { checksum = sum }
}
