// TorchCalls: what the functions that torch's restricted unpickler admits make of their arguments.
//
// Problem: a stream whose every name is allowed still fails to load when a function is given what
// it does not take, and an honest answer to "will torch.load(weights_only=True) accept it" must
// know. Method: a World in which each allowed callable is a row that looks at its arguments as
// torch's own code does and says that it surely works, surely raises or may do either, by release.
// Invariant: what no row is sure of is a doubt, never a success. Facts: torch/_utils.py,
// torch/_tensor.py and torch/serialization.py of each release, tried on honest and broken
// arguments.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/storage.h"
#include "format/stream.h"
#include "pickle/machine.h"
#include "pickle/torch_release.h"
#include "pickle/trace.h"
#include "pickle/world.h"

namespace brine::scan {

class TorchCalls final : public pickle::World, public pickle::TraceSink {
 public:
  using FindStorage = std::function<std::optional<format::StorageRecord>(std::string_view key)>;
  // `records`: a torch zip's; none: the stream is of torch's first format.
  explicit TorchCalls(FindStorage records);

  struct Note {
    std::uint64_t offset = 0;
    std::uint8_t opcode = 0;
    std::string why;
  };
  // The first call that surely raises, and the first of which nobody knows.
  const std::optional<Note>& failure(pickle::TorchRelease release) const;
  const std::optional<Note>& doubt(pickle::TorchRelease release) const;
  // Devices other than the CPU that storages were saved from: "cuda:0".
  const std::set<std::string>& devices() const { return devices_; }

  // --- World ---
  bool maps_names() const override { return false; }
  bool maybe_type(pickle::Machine&, const pickle::Value& callable) override {
    return callable.kind() == pickle::Kind::ref;
  }
  void import(pickle::Machine&, std::string_view, std::string_view, pickle::Outcome&) override {}
  void call(pickle::Machine& machine, const pickle::Value& callable, const pickle::Args& args,
            pickle::CallHow how, pickle::Outcome& out) override;
  void construct(pickle::Machine& machine, const pickle::Value& cls, const pickle::Args& args,
                 pickle::Outcome& out) override;
  StateRule set_state(pickle::Machine& machine, const pickle::Value& target,
                      const pickle::Value& state, pickle::Outcome& out) override;
  void store(pickle::Machine& machine, const pickle::Value& target, pickle::StoreHow how,
             const pickle::Value* key, const pickle::Value& value, pickle::Outcome& out) override;
  bool hash(pickle::Machine& machine, const pickle::Value& value, bool& event,
            pickle::Outcome& out) override;
  void persistent(pickle::Machine& machine, const pickle::Profile& profile, const pickle::Value& id,
                  pickle::Outcome& out) override;
  bool has_extend(pickle::Machine&, const pickle::Value&) override { return true; }
  pickle::TypeId result_type(pickle::Machine& machine, pickle::RefId callable) override;
  std::string type_name(pickle::Machine& machine, pickle::TypeId type) override;
  void finish(pickle::Machine&, const pickle::Value&, pickle::Outcome&) override {}

  // --- TraceSink ---
  bool wants_inert() const override { return true; }
  void on_event(const pickle::Event& event, pickle::Machine& machine) override;

 private:
  using Items = std::vector<pickle::NodeId>;
  // What a row says of one call; nothing set: it works.
  struct Says {
    pickle::Releases raises = 0, doubts = 0;
    std::string why, doubt;
    bool works() const { return raises == 0 && doubts == 0; }
  };
  // A tensor that a call gives, as far as that is told.
  struct Made {
    const tensor::Dtype* dtype = nullptr;
    std::vector<std::uint64_t> shape;
  };
  struct Function {
    std::string_view name;
    pickle::TypeId type;
    Says (TorchCalls::*says)(const Items& args);
  };
  struct Strided {
    pickle::NodeId storage, offset, size, stride;
    pickle::NodeId dtype = pickle::kNoNode;
  };

  static const Function* find(std::string_view name);
  static Says raises(std::string why, pickle::Releases by = pickle::kAllReleases);
  static Says doubts(std::string why, pickle::Releases by = pickle::kAllReleases);
  static Says both(Says first, Says second);

  // Of plain values (torch_values.cpp).
  Says ordered_dict(const Items& args);
  Says counter(const Items& args);
  Says size(const Items& args);
  Says device(const Items& args);
  Says encode(const Items& args);
  Says byte_array(const Items& args);
  Says set(const Items& args);
  Says complex(const Items& args);
  Says layout(const Items& args);
  // Of tensors (torch_tensors.cpp).
  Says empty_tensor(const Items& args);
  Says parameter(const Items& args);
  Says rebuilt(const Items& args);
  Says rebuilt_v2(const Items& args);
  Says rebuilt_v3(const Items& args);
  Says rebuilt_parameter(const Items& args);
  Says parameter_with_state(const Items& args);
  Says from_type(const Items& args);
  Says quantized(const Items& args);
  Says sparse(const Items& args);
  bool fits_coo(const Items& items);
  bool fits_compressed(std::string_view layout, const Items& items);
  Says nested(const Items& args);
  Says meta(const Items& args);
  Says from_cpu(const Items& args);
  Says not_followed(const Items& args);

  Says view(const Strided& pieces, Made* made = nullptr);
  Says gradient(const tensor::Dtype* dtype, pickle::NodeId wanted) const;
  Says hooks(pickle::NodeId id) const;
  Says attributes(pickle::NodeId state) const;
  Says call_of(std::string_view name, const Items& args);
  // What a node that a call made is; none: not told. `depth` bounds calls in calls.
  std::optional<Made> tensor_of(pickle::NodeId id, unsigned depth = 0);
  std::optional<std::vector<std::uint64_t>> sizes(pickle::NodeId id) const;
  const tensor::Dtype* dtype_of(pickle::NodeId id) const;
  bool is_text(pickle::NodeId id) const;
  bool hashable(pickle::NodeId id) const;
  bool pairs(pickle::NodeId id) const;
  std::string name_of(pickle::NodeId id) const;
  const pickle::Node& node(pickle::NodeId id) const { return machine_->nodes()[id]; }
  std::optional<Items> items_of(const pickle::Args& args);
  void note(const Says& says, std::uint64_t offset, std::uint8_t opcode);
  bool key_fits(pickle::Machine& machine, const pickle::Value& key);
  Says storage(const tensor::StorageId& id, std::size_t values);

  FindStorage records_;
  pickle::Machine* machine_ = nullptr;  // of the running callback
  Says pending_;  // of the event that follows
  struct Seen {
    const tensor::Dtype* dtype;
    std::uint64_t numel;
  };
  std::map<std::string, Seen, std::less<>> storages_;
  std::set<std::string> devices_;
  std::array<std::optional<Note>, pickle::kTorchReleases.size()> failures_, doubts_;
};

}  // namespace brine::scan
