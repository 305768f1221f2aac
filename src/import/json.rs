//! JSON documents, read so that nothing in them goes unseen: keys that come twice or that nobody
//! asked for are errors, and each error says where it is.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Why rules that come as JSON cannot be read, and where.
///
/// Its `Display` begins with the path from the root, `$`, or with line and column of text that is
/// no JSON:
///
/// ```text
/// $.SecurityGroups[0].IpPermissions[2].FromPort: expected a port, found 70000
/// line 3, column 17: expected `:`
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    place: Box<str>,
    message: Box<str>,
    unsupported: bool,
}

impl JsonError {
    /// Where it is: a path such as `$.nftables[3].rule`, or line and column.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether it is sound but cannot be said as a rule here.
    pub fn is_unsupported(&self) -> bool {
        self.unsupported
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl core::error::Error for JsonError {}

/// What is wrong with a part of a document. Its path grows as it is handed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// From the inside out.
    path: Vec<Segment>,
    message: String,
    unsupported: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

impl Fault {
    /// It contradicts what has to be.
    pub(super) fn wrong(message: impl Into<String>) -> Self {
        Self { path: Vec::new(), message: message.into(), unsupported: false }
    }

    /// It is sound, but cannot be said as a rule here.
    pub(super) fn unsupported(what: impl fmt::Display) -> Self {
        Self { path: Vec::new(), message: format!("{what} is not supported"), unsupported: true }
    }

    /// Something else stands there.
    pub(super) fn expected(what: &str, found: &Json) -> Self {
        Self::wrong(format!("expected {what}, found {found}"))
    }

    /// Whether a lenient import may leave out what it is about.
    pub(super) fn is_unsupported(&self) -> bool {
        self.unsupported
    }

    /// The same fault, seen from the object that has it under `key`.
    pub(super) fn under(mut self, key: &str) -> Self {
        self.path.push(Segment::Key(key.to_owned()));
        self
    }

    /// The same fault, seen from the list that has it at `index`.
    pub(super) fn at(mut self, index: usize) -> Self {
        self.path.push(Segment::Index(index));
        self
    }
}

impl From<Fault> for JsonError {
    fn from(fault: Fault) -> Self {
        let mut place = String::from("$");
        for segment in fault.path.iter().rev() {
            match segment {
                Segment::Key(key) => place.push_str(&format!(".{key}")),
                Segment::Index(index) => place.push_str(&format!("[{index}]")),
            }
        }
        Self { place: place.into(), message: fault.message.into(), unsupported: fault.unsupported }
    }
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Integer(i128),
    Fraction(f64),
    Text(Box<str>),
    List(Box<[Json]>),
    /// Fields in the order of their keys.
    Object(Box<[(Box<str>, Json)]>),
}

impl Json {
    /// Reads a document. Objects and lists may be nested 128 deep.
    pub(super) fn parse(text: &str) -> Result<Self, JsonError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            // The place is said once.
            let end = message.rfind(" at line ").unwrap_or(message.len());
            JsonError {
                place: format!("line {}, column {}", error.line(), error.column()).into(),
                message: message.get(..end).unwrap_or(&message).into(),
                unsupported: false,
            }
        })
    }

    pub(super) fn text(&self) -> Result<&str, Fault> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(Fault::expected("a string", other)),
        }
    }

    pub(super) fn bool(&self) -> Result<bool, Fault> {
        match self {
            Self::Bool(value) => Ok(*value),
            other => Err(Fault::expected("true or false", other)),
        }
    }

    /// A number of a type, called `what` in the error.
    pub(super) fn integer<N: TryFrom<i128>>(&self, what: &str) -> Result<N, Fault> {
        match self {
            Self::Integer(number) => N::try_from(*number).ok(),
            _ => None,
        }
        .ok_or_else(|| Fault::expected(what, self))
    }

    pub(super) fn list(&self) -> Result<&[Self], Fault> {
        match self {
            Self::List(items) => Ok(items),
            other => Err(Fault::expected("a list", other)),
        }
    }

    /// Reads each item of a list.
    pub(super) fn each<T>(
        &self,
        mut read: impl FnMut(&Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let items = self.list()?.iter().enumerate();
        items.map(|(index, item)| read(item).map_err(|fault| fault.at(index))).collect()
    }

    /// The key and the value of an object that has one field.
    pub(super) fn single(&self) -> Option<(&str, &Self)> {
        match self {
            Self::Object(fields) => match &**fields {
                [(key, value)] => Some((key, value)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value of an object's field, if it is an object and has it.
    pub(super) fn field(&self, key: &str) -> Option<&Self> {
        self.object().ok()?.get(key)
    }

    pub(super) fn object(&self) -> Result<Fields<'_>, Fault> {
        match self {
            Self::Object(fields) => Ok(Fields(fields)),
            other => Err(Fault::expected("an object", other)),
        }
    }
}

/// For messages: short values as they are, long ones by their kind.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Fraction(number) => number.fmt(f),
            Self::Text(text) if text.chars().count() <= 40 => write!(f, "`{text}`"),
            Self::Text(_) => f.write_str("a long string"),
            Self::List(_) => f.write_str("a list"),
            Self::Object(_) => f.write_str("an object"),
        }
    }
}

/// The fields of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(&'a [(Box<str>, Json)]);

impl<'a> Fields<'a> {
    /// Errs if there is a field other than these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Fault> {
        match self.0.iter().find(|(key, _)| !known.contains(&&**key)) {
            Some((key, _)) => Err(Fault::unsupported("this field").under(key)),
            None => Ok(()),
        }
    }

    /// Reads the field, which has to be there.
    pub(super) fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'a Json) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let missing = || Fault::wrong(format!("the field `{key}` is missing"));
        self.find(key, read)?.ok_or_else(missing)
    }

    /// Reads the field if it is there and not null.
    pub(super) fn find<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'a Json) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let field = self.get(key).filter(|field| **field != Json::Null);
        field.map(read).transpose().map_err(|fault| fault.under(key))
    }

    fn get(&self, key: &str) -> Option<&'a Json> {
        self.0.iter().find(|(known, _)| **known == *key).map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Integer(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Fraction(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((key, field)) = access.next_entry::<Box<str>, Json>()? {
            if fields.contains_key(&key) {
                return Err(A::Error::custom(format!("the field `{key}` comes twice")));
            }
            fields.insert(key, field);
        }
        Ok(Json::Object(fields.into_iter().collect()))
    }
}
