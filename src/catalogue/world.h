// CatalogueWorld: answers the interpreter's questions from the embedded facts.
//
// Problem: names alone decide nothing, so each import, call, construction, state and store is
// judged with its arguments. Method: a name is looked up once for each reference and the fact is
// kept by RefId; the fact's contract is matched against the arguments' handles; resolvers and pure
// functions are small functions that the fact selects by number. Invariant: what has no fact is
// never inert.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalogue/trust.h"
#include "pickle/world.h"

namespace brine::catalogue {

struct WorldOptions {
  // Ignore the danger data: names in it become unknown names.
  bool blind = false;
  // Names that a person vouches for; may be null. Must outlive the world.
  const Trust* trust = nullptr;
  // Top-level names of modules that lie beside the scanned file (a .py, a package, a .so): their
  // facts are void, because the import would run what lies there.
  std::vector<std::string> shadowed = {};
};

// One world serves one view: the machines that read the view's streams one after another.
class CatalogueWorld : public pickle::World {
 public:
  // Trusted names that were used, in order of first use ("mypkg.models.Net").
  virtual const std::vector<std::string>& waived() const = 0;
};

std::unique_ptr<CatalogueWorld> make_catalogue_world(const WorldOptions& options = {});

}  // namespace brine::catalogue
