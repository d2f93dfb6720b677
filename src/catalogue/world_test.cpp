#include "catalogue/world.h"

#include <gtest/gtest.h>

#include "catalogue/harness.h"

namespace brine::catalogue {
namespace {

using pickle::Level;

Assembler& storage(Assembler& out, std::string_view key) {
  return out.mark().str("storage").global("torch", "FloatStorage").str(key).str("cpu").integer(6)
      .tuple().persid();
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

}  // namespace
}  // namespace brine::catalogue
