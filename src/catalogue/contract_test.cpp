// Contracts, tried through facts that use each word of the language: what fits is inert, what does
// not breaks the contract (BRN124).

#include <gtest/gtest.h>

#include "catalogue/harness.h"

namespace brine::catalogue {
namespace {

using pickle::Level;

void fits(const Assembler& stream) {
  const Ran ran = run(stream);
  EXPECT_EQ(ran.worst, Level::inert) << ran.report();
  EXPECT_EQ(ran.result.end.kind, pickle::EndKind::stop) << ran.report();
}
void breaks(const Assembler& stream) {
  const Ran ran = run(stream);
  EXPECT_EQ(ran.worst, Level::suspicious) << ran.report();
  EXPECT_TRUE(ran.has(124)) << ran.report();
}
Assembler calls(std::string_view module, std::string_view name) {
  return Assembler().proto(2).global(module, name);
}

TEST(Contract, EmptyArguments) {
  fits(calls("collections", "OrderedDict").empty_tuple().reduce().stop());
  breaks(calls("collections", "OrderedDict").none().tuple1().reduce().stop());
}

TEST(Contract, Pairs) {
  fits(calls("collections", "OrderedDict")
           .empty_list()
           .str("a")
           .integer(1)
           .tuple2()
           .append()
           .tuple1()
           .reduce()
           .stop());
  fits(calls("collections", "OrderedDict")
           .empty_list()
           .empty_list()
           .mark()
           .str("a")
           .integer(1)
           .appends()
           .append()
           .tuple1()
           .reduce()
           .stop());
  breaks(
      calls("collections", "OrderedDict").empty_list().str("ab").append().tuple1().reduce().stop());
  breaks(calls("collections", "OrderedDict")
             .empty_list()
             .empty_list()
             .integer(1)
             .tuple2()
             .append()
             .tuple1()
             .reduce()
             .stop());
}

TEST(Contract, LiteralsAndOptionals) {
  fits(calls("_codecs", "encode").str("x").str("latin1").tuple2().reduce().stop());
  breaks(calls("_codecs", "encode").str("x").str("latin2").tuple2().reduce().stop());
  fits(calls("builtins", "range").integer(3).tuple1().reduce().stop());
  fits(calls("builtins", "range").integer(1).integer(3).none().tuple3().reduce().stop());
  breaks(calls("builtins", "range").str("3").tuple1().reduce().stop());
}

TEST(Contract, RangesAndCharacters) {
  fits(calls("numpy", "dtype").str("f8").no().yes().tuple3().reduce().stop());
  breaks(calls("numpy", "dtype").str("f8").no().no().tuple3().reduce().stop());
  fits(calls("numpy", "dtype").str("O8").no().yes().tuple3().reduce().stop());
  breaks(calls("numpy", "dtype").str("O8,i8").no().yes().tuple3().reduce().stop());
}

TEST(Contract, CollectionsAndRepeats) {
  fits(calls("torch", "Size")
           .empty_list()
           .mark()
           .integer(1)
           .integer(2)
           .appends()
           .tuple1()
           .reduce()
           .stop());
  breaks(calls("torch", "Size")
             .empty_list()
             .mark()
             .integer(1)
             .str("2")
             .appends()
             .tuple1()
             .reduce()
             .stop());
  fits(calls("pathlib", "PosixPath").str("a").str("b").tuple2().reduce().stop());
  breaks(calls("pathlib", "PosixPath").str("a").none().tuple2().reduce().stop());
}

TEST(Contract, ReferencesByAnyOfTheirNames) {
  fits(calls("collections", "defaultdict").global("__builtin__", "list").tuple1().reduce().stop());
  breaks(
      calls("collections", "defaultdict").global("builtins", "getattr").tuple1().reduce().stop());
}

TEST(Contract, InstancesAndConstants) {
  fits(calls("datetime", "timezone")
           .global("datetime", "timedelta")
           .integer(0)
           .tuple1()
           .reduce()
           .tuple1()
           .reduce()
           .stop());
  breaks(calls("datetime", "timezone").integer(0).tuple1().reduce().stop());
  fits(calls("torch._utils", "_rebuild_meta_tensor_no_storage")
           .mark()
           .global("torch", "float32")
           .integer(1)
           .tuple1()
           .integer(1)
           .tuple1()
           .no()
           .tuple()
           .reduce()
           .stop());
  breaks(calls("torch._utils", "_rebuild_meta_tensor_no_storage")
             .mark()
             .global("torch", "strided")
             .integer(1)
             .tuple1()
             .integer(1)
             .tuple1()
             .no()
             .tuple()
             .reduce()
             .stop());
}

TEST(Contract, AttributesMayNotBeSpecial) {
  fits(calls("argparse", "Namespace")
           .empty_tuple()
           .newobj()
           .empty_dict()
           .str("lr")
           .integer(1)
           .setitem()
           .build()
           .stop());
  breaks(calls("argparse", "Namespace")
             .empty_tuple()
             .newobj()
             .empty_dict()
             .str("__class__")
             .integer(1)
             .setitem()
             .build()
             .stop());
  breaks(calls("argparse", "Namespace")
             .empty_tuple()
             .newobj()
             .empty_dict()
             .integer(1)
             .integer(1)
             .setitem()
             .build()
             .stop());
}

TEST(Contract, EmptyMeansThatNothingWasPutIn) {
  const auto tensor = [](bool filled) {
    Assembler out = calls("torch._utils", "_rebuild_parameter");
    out.global("torch", "Tensor")
        .empty_tuple()
        .reduce()
        .no()
        .global("collections", "OrderedDict")
        .empty_tuple()
        .reduce();
    if (filled) out.str("hook").integer(1).setitem();
    return out.tuple3().reduce().stop();
  };
  fits(tensor(false));
  breaks(tensor(true));
}

TEST(Contract, PlainDataToAnyDepth) {
  Assembler deep = calls("builtins", "ValueError");
  for (int i = 0; i < 2000; ++i) deep.empty_list();
  deep.integer(1).append();
  for (int i = 1; i < 2000; ++i) deep.append();
  fits(deep.tuple1().reduce().stop());
  breaks(calls("builtins", "ValueError")
             .empty_list()
             .global("collections", "OrderedDict")
             .append()
             .tuple1()
             .reduce()
             .stop());
}

TEST(Contract, ItemsOfObjects) {
  fits(calls("collections", "OrderedDict").empty_tuple().reduce().str("k").none().setitem().stop());
  breaks(calls("collections", "OrderedDict")
             .empty_tuple()
             .reduce()
             .empty_list()
             .none()
             .setitem()
             .stop());
}

}  // namespace
}  // namespace brine::catalogue
