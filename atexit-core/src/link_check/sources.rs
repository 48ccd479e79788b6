//! Owns the reading of a library's sources: whether they declare a handler or say `link!`, and where. Must not know of packages.
//!
//! It reads tokens, so that no comment or text counts, and follows `mod` from file to file, so that the files of a package's other targets do
//! not count. What a `cfg` excludes is skipped, with the modules below it.

use std::collections::HashSet;
use std::env::consts;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_platform::{Cfg, CfgExpr};
use proc_macro2::{Delimiter, Ident, LexError, TokenStream, TokenTree};

use super::error::{Contribution, LinkError};

/// What a library contributes to a program, if it does. A library that may be under test contributes what does not depend on that.
pub(super) fn contribution(
    root: &Path,
    features: &[String],
    may_be_tested: bool,
) -> Result<Option<Contribution>, LinkError> {
    let mut reader = Reader { cfgs: builds(features, may_be_tested), ..Reader::default() };
    reader.read_file(&Module::beside(root.to_owned()))?;
    Ok(reader.first())
}

/// What holds in each build that this may be.
fn builds(features: &[String], may_be_tested: bool) -> Vec<Vec<Cfg>> {
    let cfgs = cfgs(features);
    let tested = may_be_tested.then(|| [&cfgs[..], &[Cfg::Name("test".to_owned())]].concat());
    [cfgs].into_iter().chain(tested).collect()
}

/// What holds in this build, as far as `std` tells.
fn cfgs(features: &[String]) -> Vec<Cfg> {
    let name = |name: &str| Cfg::Name(name.to_owned());
    let pair = |key: &str, value: &str| Cfg::KeyPair(key.to_owned(), value.to_owned());
    let mut cfgs = vec![
        name("true"),
        name(consts::FAMILY), // `unix`, `windows`
        pair("target_family", consts::FAMILY),
        pair("target_os", consts::OS),
        pair("target_arch", consts::ARCH),
        pair("target_pointer_width", &usize::BITS.to_string()),
        pair("target_endian", if cfg!(target_endian = "little") { "little" } else { "big" }),
    ];
    cfgs.extend(cfg!(debug_assertions).then(|| name("debug_assertions")));
    cfgs.extend(features.iter().map(|feature| pair("feature", feature)));
    cfgs
}

/// Where tokens stand.
#[derive(Clone)]
struct Module {
    file: PathBuf,
    /// Where the files of its submodules are.
    folder: PathBuf,
    /// What a `#[path]` in an inline module is relative to, in place of the folder of the file.
    path_base: Option<PathBuf>,
    /// The macro in whose definition they stand.
    in_macro: Option<String>,
}

impl Module {
    /// A file whose submodules have their files beside it.
    fn beside(file: PathBuf) -> Self {
        Self { folder: file.parent().unwrap_or(&file).to_owned(), file, path_base: None, in_macro: None }
    }
}

/// An attribute that may declare a handler, or a `link!`.
struct Found {
    name: String,
    in_macro: Option<String>,
    contribution: Contribution,
}

impl Found {
    fn new(name: &str, is_link: bool, line: usize, module: &Module) -> Self {
        let contribution = Contribution { is_link, file: module.file.clone(), line };
        Self { name: name.to_owned(), in_macro: module.in_macro.clone(), contribution }
    }
}

#[derive(Default)]
struct Reader {
    cfgs: Vec<Vec<Cfg>>,
    found: Vec<Found>,
    /// What `use` calls the attribute.
    names: HashSet<String>,
    /// The macros that are called, each with the macro in whose definition that is.
    calls: HashSet<(String, Option<String>)>,
}

impl Reader {
    /// The first handler found that counts, or else the first `link!`. What a macro writes counts if the library calls the macro.
    fn first(self) -> Option<Contribution> {
        let expanded = self.expanded();
        let Self { found, names, .. } = self;
        let counts =
            |found: &Found| found.contribution.is_link || found.name == "at_exit" || names.contains(&found.name);
        let is_written = |found: &Found| expanded.contains(&found.in_macro);
        let that_count = found.into_iter().filter(|found| counts(found) && is_written(found));
        that_count.map(|found| found.contribution).min_by_key(|contribution| contribution.is_link)
    }

    /// The macros that the library expands itself, and `None` for what stands in none. One that only others expand may call itself, or another.
    fn expanded(&self) -> HashSet<Option<String>> {
        let mut expanded = HashSet::from([None]);
        loop {
            let known = expanded.len();
            let called: Vec<_> = self.calls.iter().filter(|(_, by)| expanded.contains(by)).collect();
            expanded.extend(called.into_iter().map(|(name, _)| Some(name.clone())));
            if expanded.len() == known {
                return expanded;
            }
        }
    }

    fn read_file(&mut self, module: &Module) -> Result<(), LinkError> {
        let text = fs::read_to_string(&module.file).map_err(|error| LinkError::unreadable(&module.file, error))?;
        let tokens = text.parse().map_err(|error: LexError| {
            LinkError::unreadable(&module.file, format!("line {}: {error}", error.span().start().line))
        })?;
        self.read(tokens, module)
    }

    /// Reads what stands in a file, or between brackets.
    fn read(&mut self, tokens: TokenStream, module: &Module) -> Result<(), LinkError> {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        loop {
            let attributes = self.attributes(&mut rest);
            if rest.is_empty() {
                return Ok(());
            }
            let mut excluding = attributes.iter().filter(|attribute| !self.allows(attribute)).peekable();
            if excluding.peek().is_some() {
                if excluding.any(|attribute| attribute.is_inner) {
                    return Ok(());
                }
                rest = after_item(rest);
                continue;
            }
            self.found
                .extend(attributes.iter().map(|attribute| Found::new(&attribute.name, false, attribute.line, module)));
            rest = self.item(rest, &attributes, module)?;
        }
    }

    /// Takes the attributes at the beginning, with those that a `cfg_attr` adds.
    fn attributes(&self, rest: &mut &[TokenTree]) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        loop {
            let (hash, is_inner, group, after) = match rest {
                [TokenTree::Punct(hash), TokenTree::Group(group), after @ ..] if hash.as_char() == '#' => {
                    (hash, false, group, after)
                }
                [TokenTree::Punct(hash), TokenTree::Punct(bang), TokenTree::Group(group), after @ ..]
                    if hash.as_char() == '#' && bang.as_char() == '!' =>
                {
                    (hash, true, group, after)
                }
                _ => return attributes,
            };
            self.add_attribute(group.stream(), hash.span().start().line, is_inner, &mut attributes);
            *rest = after;
        }
    }

    fn add_attribute(&self, tokens: TokenStream, line: usize, is_inner: bool, attributes: &mut Vec<Attribute>) {
        let attribute = Attribute::new(tokens, line, is_inner);
        if attribute.name != "cfg_attr" {
            return attributes.push(attribute);
        }
        let list: Vec<TokenTree> = attribute.arguments.into_iter().collect();
        let mut parts = list.split(|token| is_punct(token, ','));
        let condition: TokenStream = parts.next().unwrap_or_default().iter().cloned().collect();
        if self.holds(&condition) {
            parts.for_each(|part| self.add_attribute(part.iter().cloned().collect(), line, is_inner, attributes));
        }
    }

    fn allows(&self, attribute: &Attribute) -> bool {
        attribute.name != "cfg" || self.holds(&attribute.arguments)
    }

    /// A condition that a macro has yet to complete counts as true.
    fn holds(&self, condition: &TokenStream) -> bool {
        let condition = condition.to_string();
        let condition = condition.trim().trim_end_matches(',');
        condition.parse().map_or(true, |condition: CfgExpr| self.cfgs.iter().all(|cfgs| condition.matches(cfgs)))
    }

    /// Reads the beginning of an item, and returns what comes after.
    fn item<'a>(
        &mut self,
        tokens: &'a [TokenTree],
        attributes: &[Attribute],
        module: &Module,
    ) -> Result<&'a [TokenTree], LinkError> {
        use TokenTree::{Group, Ident, Punct};
        match tokens {
            // The attributes belong to the `mod` that may follow.
            [Ident(word), Group(scope), rest @ ..] if word == "pub" && scope.delimiter() == Delimiter::Parenthesis => {
                self.item(rest, attributes, module)
            }
            [Ident(word), rest @ ..] if word == "pub" => self.item(rest, attributes, module),
            [Ident(word), Ident(name), Punct(end), rest @ ..] if word == "mod" && end.as_char() == ';' => {
                let path = attributes.iter().find_map(Attribute::path);
                self.read_module(&plain(name), path.as_deref(), module)?;
                Ok(rest)
            }
            [Ident(word), Ident(name), Group(body), rest @ ..] if word == "mod" => {
                let folder =
                    module.folder.join(attributes.iter().find_map(Attribute::path).unwrap_or_else(|| plain(name)));
                self.read(body.stream(), &Module { path_base: Some(folder.clone()), folder, ..module.clone() })?;
                Ok(rest)
            }
            [Ident(word), Punct(bang), Ident(name), Group(body), rest @ ..]
                if word == "macro_rules" && bang.as_char() == '!' =>
            {
                self.read(body.stream(), &Module { in_macro: Some(plain(name)), ..module.clone() })?;
                Ok(rest)
            }
            [Ident(name), Punct(bang), Group(_), ..] if bang.as_char() == '!' => {
                let name_here = plain(name);
                self.found
                    .extend((name_here == "link").then(|| Found::new("link", true, name.span().start().line, module)));
                self.calls.insert((name_here, module.in_macro.clone()));
                Ok(&tokens[2..])
            }
            [Ident(own), Ident(word), Ident(name), rest @ ..] if own == "at_exit" && word == "as" => {
                self.names.insert(plain(name));
                Ok(rest)
            }
            [Group(group), rest @ ..] => {
                self.read(group.stream(), module)?;
                Ok(rest)
            }
            _ => Ok(tokens.get(1..).unwrap_or_default()),
        }
    }

    /// Reads the file of a module. One that is not there is excluded by what this cannot tell, or generated.
    fn read_module(&mut self, name: &str, path: Option<&str>, module: &Module) -> Result<(), LinkError> {
        let beside = module.path_base.as_deref().or(module.file.parent()).unwrap_or(Path::new(""));
        let files = match path {
            Some(path) => vec![beside.join(path)],
            None => vec![module.folder.join(format!("{name}.rs")), module.folder.join(name).join("mod.rs")],
        };
        let Some(file) = files.into_iter().find(|file| file.is_file()) else { return Ok(()) };
        // The submodules of a.rs are in a/.
        let is_beside = path.is_some() || file.ends_with("mod.rs");
        let folder = file.with_extension("");
        let below = Module { in_macro: module.in_macro.clone(), ..Module::beside(file) };
        self.read_file(&if is_beside { below } else { Module { folder, ..below } })
    }
}

/// An attribute: `path::name(arguments)`, or `name = arguments`.
struct Attribute {
    name: String,
    line: usize,
    is_inner: bool,
    arguments: TokenStream,
}

impl Attribute {
    fn new(tokens: TokenStream, line: usize, is_inner: bool) -> Self {
        let mut name = String::new();
        let mut tokens = tokens.into_iter();
        let arguments = loop {
            match tokens.next() {
                Some(TokenTree::Ident(segment)) => name = plain(&segment),
                Some(TokenTree::Punct(punct)) if matches!(punct.as_char(), ':' | '$') => {}
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => break group.stream(),
                _ => break tokens.collect(),
            }
        };
        Self { name, line, is_inner, arguments }
    }

    /// What `#[path = "…"]` says.
    fn path(&self) -> Option<String> {
        let text = self.arguments.to_string();
        (self.name == "path").then(|| text.trim_start_matches('r').trim_matches('#').trim_matches('"').to_owned())
    }
}

/// What comes after an item that is skipped: after its semicolon, or its braces.
fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_punct(token, ';'),
    };
    tokens.iter().position(is_end).map_or(&[], |end| &tokens[end + 1..])
}

fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

/// A name, without the `r#` of a raw one.
fn plain(name: &Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of what a source contributes, and whether that is a `link!`.
    fn first(source: &str) -> Option<(usize, bool)> {
        first_in(source, false)
    }

    fn first_in(source: &str, may_be_tested: bool) -> Option<(usize, bool)> {
        let mut reader = Reader { cfgs: builds(&["on".to_owned()], may_be_tested), ..Reader::default() };
        let module = Module::beside(PathBuf::from("src/lib.rs"));
        reader.read(source.parse().expect("Rust"), &module).expect("no file is read");
        reader.first().map(|contribution| (contribution.line, contribution.is_link))
    }

    #[test]
    fn a_handler_is_found_wherever_it_is_declared_and_a_link_too() {
        let table = [
            ("#[at_exit] fn f() {}", 1, false),
            ("use a as b;\n#[::way_out::at_exit(args = 1)]\nfn f(a: u8) {}", 2, false),
            ("atexit_core::link!(a);\n#[at_exit] fn f() {}\n#[at_exit] fn g() {}", 2, false),
            ("/// A doc.\n#[inline]\n#[at_exit(name = \"f\")] pub(crate) fn f() {}", 3, false),
            ("#[on_exit] fn f() {}\nuse atexit_core::{at_exit as on_exit, link};", 1, false),
            ("fn f() { loop { #[at_exit] fn g() {} } }", 1, false),
            ("mod a { mod b {\n#[at_exit] fn f() {} } }", 2, false),
            ("mod a { #![cfg(feature = \"on\")] #[at_exit] fn f() {} }", 1, false),
            ("#[cfg(not(feature = \"off\"))] #[at_exit] fn f() {}", 1, false),
            (
                "#[at_exit] #[cfg(all(feature = \"on\", any(unix, windows, target_family = \"wasm\")))] fn f() {}",
                1,
                false,
            ),
            ("#[cfg_attr(feature = \"on\", inline, at_exit(name = \"f\"))] fn f() {}", 1, false),
            ("macro_rules! m { ($f:ident) => { #[at_exit] fn $f() {} } }\nm!(f);", 1, false),
            ("macro_rules! m { ($f:ident) => { #[$crate::at_exit] fn $f() {} } }\nm!(f);", 1, false),
            (
                "macro_rules! m { ($f:ident) => { n!($f); } }\nmacro_rules! n { ($f:ident) => { #[at_exit] fn $f() {} } }\nm!(f);",
                2,
                false,
            ),
            ("m! { #[at_exit] fn f() {} }", 1, false),
            ("#[cfg(off)] fn f() {}\n#[at_exit] fn g() {}", 2, false),
            ("#[cfg(off)] use a::{b};\n#[at_exit] fn g() {}", 2, false),
            ("\natexit_core::link!(a, b as c);", 2, true),
        ];
        for (source, line, is_link) in table {
            assert_eq!(first(source), Some((line, is_link)), "{source}");
        }
    }

    #[test]
    fn in_a_library_that_may_be_under_test_only_that_counts_which_is_in_both_builds() {
        let source = "#[cfg(test)] #[at_exit] fn f() {}\n#[cfg(not(test))] #[at_exit] fn g() {}";
        assert_eq!([first_in(source, false), first_in(source, true)], [Some((2, false)), None]);
        assert_eq!(first_in("#[at_exit] fn f() {}", true), Some((1, false)));
    }

    #[test]
    fn what_only_looks_like_it_is_none_nor_what_is_excluded() {
        let table = [
            "",
            "// #[at_exit]\n/* #[at_exit] */ /// #[at_exit]\nfn f() {}",
            "const TEXT: &str = \"#[at_exit] fn f() {}\"; const RAW: &str = r#\"#[at_exit]\"#;",
            "use atexit_core::at_exit; fn at_exit() { at_exit() }",
            "#[on_exit] fn f() {}",
            "#[link(name = \"c\")] unsafe extern \"C\" {}",
            "macro_rules! m { ($f:ident) => { #[at_exit] fn $f() {} } }",
            "macro_rules! m { ($f:ident) => { #[at_exit] fn $f() {} }; ($($f:ident)*) => { $(m!($f);)* } }",
            "macro_rules! m { ($f:ident) => { n!($f); } } macro_rules! n { ($f:ident) => { #[at_exit] fn $f() {} } }",
            "#[cfg(test)] mod tests { #[at_exit] fn f() {} }",
            "#[cfg(feature = \"off\")] #[at_exit] fn f() {}",
            "#[at_exit] #[cfg(not(feature = \"on\"))] fn f() {}",
            "#[cfg(all(unix, windows))] #[at_exit] fn f() {}",
            "#![cfg(off)]\n#[at_exit] fn f() {}",
            "mod a { #![cfg(off)] #[at_exit] fn f() {} }",
            "#[cfg_attr(off, at_exit)] fn f() {}",
            "#[cfg(off)] mod a { #[at_exit] fn f() {} }",
            "#[cfg(off)] mod a;",
        ];
        for source in table {
            assert_eq!(first(source), None, "{source}");
        }
    }
}
