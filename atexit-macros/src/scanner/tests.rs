//! Owns the proof that lists are split at the right commas; must not know how.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;

use super::{Element, expressions, parameters, vec};

/// Each must be recognized as one expression, alone and in a list.
const EXPRESSIONS: &[&str] = &[
    // operands
    "1",
    "-1.5e3",
    "\"text, with a comma\"",
    "'c'",
    "b\"bytes\"",
    "c\"text\"",
    "true",
    "()",
    "(1, 2)",
    "[1, 2]",
    "[0; 3]",
    "{ let (a, b) = (1, 2); a + b }",
    "NAME",
    "path::to::NAME",
    "::path::to::NAME",
    "crate::NAME",
    "self::NAME",
    "r#type",
    "Point { x: 1, y: 2 }",
    "Point { x: 1, ..point() }",
    "vec![1, 2, 3]",
    "std::format!(\"{} {}\", 1, 2)",
    "unsafe { f(1, 2) }",
    "const { f(1, 2) }",
    "async { f(1, 2).await }",
    "async move { 1 }",
    "'outer: loop { break 'outer 1 }",
    "'outer: { break 'outer (1, 2) }",
    "#[allow(unused)] x",
    "#[allow(unused, dead_code)] |a, b| a",
    // operators, including all that look like something else
    "a < b",
    "a > b",
    "a <= b",
    "a >= b",
    "a << b",
    "a >> b",
    "a <<= b",
    "a >>= b",
    "a | b",
    "a || b",
    "a|b",
    "a||b",
    "a |= b",
    "a & b && c",
    "a & &b",
    "a && &b",
    "a == b",
    "a != b",
    "!a",
    "!!a",
    "-a - -b",
    "*a * *b",
    "a < -b",
    "a..b",
    "a..=b",
    "..b",
    "a..",
    "..",
    "a?",
    "a? < b",
    "a?.b?",
    "(a) < (b)",
    "a.0 < b.0",
    "a.0.1 | b",
    "1 < 2",
    "\"a\" < \"b\"",
    "[1] < [2]",
    "f(a) < g(b)",
    "a! { } < b",
    "x.await < y",
    "x.await | y",
    "&x",
    "&&x",
    "&mut x",
    "&raw const x",
    "&raw mut x",
    "a = b",
    "a += b",
    // type arguments
    "Vec::<u8>::new()",
    "Map::<K, V>::new()",
    "Map::<K, Vec<V>>::new()",
    "Map::<K, Map<K, V>>::new() < x",
    "\"1,2\".parse::<Pair<u8, u8>>()",
    "items.collect::<Map<_, _>>().len()",
    "f::<fn(A, B) -> C, D>(x)",
    "f::<fn() -> Map<A, B>, D>(x)",
    "f::<{ a > b }, C>(x)",
    "f::<-1, 2>()",
    "f::<'static, T>()",
    "<T as Trait>::NAME",
    "<T as Trait<A, B>>::new(x)",
    "<Map<A, B> as Trait>::new(x)",
    "<<A as B<C, D>>::E as F<G, H>>::new()",
    "<[u8]>::len(x)",
    "-<T as Trait<A, B>>::NAME",
    "a < <T as Trait<A, B>>::NAME",
    "a == <T as Trait<A, B>>::NAME",
    "&<T as Trait<A, B>>::NAME",
    // casts
    "a as u8",
    "a as u8 + b as u8",
    "a as Map<K, V>",
    "a as Map::<K, V>",
    "a as std::collections::Map<K, V>",
    "a as Map<K, V>::Item<A, B>",
    "a as &Map<K, V>",
    "a as &'static mut Map<K, V>",
    "a as *const Map<K, V>",
    "a as *mut Map<K, V> as usize",
    "a as <T as Trait<A, B>>::Out",
    "a as <T as Trait<A, B>>::Out<C, D>",
    "a as fn(A, B)",
    "a as fn(A, B) -> Map<C, D>",
    "a as unsafe extern \"C\" fn(A, B) -> Map<C, D>",
    "a as for<'a, 'b> fn(&'a A, &'b B)",
    "a as &dyn Fn(A, B) -> Map<C, D>",
    "a as &dyn for<'a, 'b> Fn(&'a A) -> Map<C, D>",
    "a as (A, B)",
    "a as [A; 2]",
    "a as my::pair![A, B]",
    "a as _ < b",
    "a as (B) < c",
    "a as u8 > b",
    "a as u8 >> b",
    "a as u8 - b",
    "a as u8 != b",
    "a as u8 == b",
    "a as bool || b",
    "a as bool || (|c, d| c)(e, f)",
    "a as u8 | b",
    // closures
    "|| 1",
    "||1",
    "| | 1",
    "|a| a",
    "|a, b| a + b",
    "|a, b| a | b",
    "|a, b| a || b",
    "|a, b| |c, d| a + b + c + d",
    "|a, b|{ a }",
    "|(a, b), c| a",
    "|Point { x, y }, _| x",
    "|a: Map<K, V>, b: fn(A, B) -> C| a",
    "|a: &mut Vec<Map<K, V>>, b| a < b",
    "|&a, &mut b| a",
    "|a, b| -> Map<K, V> { a }",
    "|a, b| -> &'static Map<K, V> { a }",
    "|a, b| -> impl Fn(A, B) -> C { a }",
    "|a, b| -> ! { loop {} }",
    "|| -> (A, B) { a }",
    "move |a, b| a",
    "async |a, b| a",
    "async move |a, b| a",
    "for<'a, 'b> |a: &'a A, b: &'b B| -> A { a }",
    "&|a, b| a",
    "&mut |a, b| a",
    "(|a, b| a)(1, 2)",
    "f(|a, b| a) | g(|a, b| b)",
    "x = |a, b| a",
    "a == |b, c| d",
    "return |a, b| a",
    "Box::new(|a, b| a) as Box<dyn Fn(A, B) -> C>",
    // blocks
    "if a { b } else { c }",
    "if a < b { c } else { d }",
    "if a { b } else if c { d } else { e } | f",
    "if let Some(a) = b { a } else { c }",
    "if let A | B = c { a } else { b }",
    "if let | A | B = c { a } else { b }",
    "if let | A = c { a } else { b } | d",
    "match a { A | B => c, _ => d }",
    "match a { |A| B => c, _ => d }.e",
    "match |a, b| a { f => f(1, 2) }",
    "while a < b { c(d, e) }",
    "for (a, b) in c { d(a, b) }",
    "for a in 0..b { c }",
    "return",
    "return a",
    "break",
    "continue",
    "loop { break |a, b| a }",
    "a.if_true().match_it::<A, B>()",
    "x.r#match < y",
];

fn tokens(source: &str) -> TokenStream {
    source.parse().expect(source)
}

fn texts(elements: &[Element]) -> Vec<String> {
    elements.iter().map(|element| element.tokens.to_string()).collect()
}

#[test]
fn an_expression_is_one_element() {
    for source in EXPRESSIONS {
        let elements = expressions(&tokens(source));
        assert_eq!(elements.len(), 1, "{source}");
        assert!(elements[0].comma.is_none(), "{source}");
    }
}

#[test]
fn each_expression_ends_where_the_next_begins() {
    for first in EXPRESSIONS {
        for second in EXPRESSIONS {
            let found = expressions(&tokens(&format!("{first}, {second}")));
            assert_eq!(texts(&found), [tokens(first).to_string(), tokens(second).to_string()], "{first}, {second}");
        }
    }
}

#[test]
fn an_option_with_its_value_is_one_element() {
    for value in EXPRESSIONS {
        for space in [" ", ""] {
            let source = format!("first, args ={space}{value}, last");
            assert_eq!(expressions(&tokens(&source)).len(), 3, "{source}");
        }
    }
}

#[test]
fn each_element_keeps_its_comma() {
    let has_comma = |source| -> Vec<_> {
        let elements = expressions(&tokens(source));
        elements.iter().map(|element| (vec(&element.tokens).len(), element.comma.is_some())).collect()
    };
    assert_eq!(has_comma(""), []);
    assert_eq!(has_comma("a"), [(1, false)]);
    assert_eq!(has_comma("a,"), [(1, true)]);
    assert_eq!(has_comma("a, b"), [(1, true), (1, false)]);
    assert_eq!(has_comma(","), [(0, true)]);
    assert_eq!(has_comma("a,,b"), [(1, true), (0, true), (1, false)]);
}

#[test]
fn invalid_expressions_neither_hang_nor_panic() {
    for source in ["< a, b", "|a, b", "a as", "a as <", "'", "::<", "::", "->", "=>", "for<", "a as fn", "let |", "#"] {
        // A lone quote is not a token, so the lexer may reject it first.
        if let Ok(tokens) = source.parse() {
            expressions(&tokens);
        }
    }
}

#[test]
fn an_invisible_group_is_opened_only_if_it_stands_alone() {
    let invisible = |inner| TokenTree::Group(Group::new(Delimiter::None, inner));
    let inner = invisible(invisible(quote!(a, b)).into());
    assert_eq!(expressions(&inner.clone().into()).len(), 2);
    assert_eq!(expressions(&quote!(#inner + 1)).len(), 1);
    assert_eq!(expressions(&quote!(#inner, 1)).len(), 2);
}

#[test]
fn parameters_are_split() {
    for (source, count) in [
        ("", 0),
        ("a: A", 1),
        ("a: A,", 1),
        ("a: A, b: B", 2),
        ("a: Map<K, V>, b: B", 2),
        ("a: Map<K, Vec<V>>, b: B", 2),
        ("(a, b): (A, B), [c, d]: [C; 2]", 2),
        ("Point { x, y }: Point, _: B", 2),
        ("Point::<A, B> { x, y }: Point<A, B>, _: B", 2),
        ("a: fn(A, B) -> Map<C, D>, b: B", 2),
        ("a: &dyn Fn(A) -> B, b: Map<fn() -> A, B>", 2),
        ("a: Wrap<{ x > y }, 3>, b: B", 2),
        ("a: <T as Trait<A, B>>::Out, b: B", 2),
        ("&mut self, a: A", 2),
        ("#[allow(a, b)] a: A, b: B", 2),
        ("a: u8, ...", 2),
    ] {
        assert_eq!(parameters(&tokens(source)).len(), count, "{source}");
    }
}

#[test]
fn the_text_of_an_element_is_found_in_that_of_the_list() {
    for source in ["f(-1), a::b, [x, {y}]", "a", "a,", ",", "\"a, b\", 'c', r#type"] {
        let list = tokens(source);
        let elements = expressions(&list);
        let texts: Vec<_> = elements
            .iter()
            .map(|element| element.text.clone() + if element.comma.is_some() { "," } else { "" })
            .collect();
        let without_spaces = |text: String| text.replace(' ', "");
        assert_eq!(without_spaces(texts.concat()), without_spaces(list.to_string()));
        for element in elements {
            assert!(list.to_string().contains(&element.text), "{} in {source}", element.text);
        }
    }
}
