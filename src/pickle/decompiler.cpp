#include "pickle/decompiler.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/escape.h"
#include "pickle/expression.h"
#include "pickle/literals.h"
#include "pickle/python_printer.h"

namespace brine::pickle {
namespace {

constexpr std::uint64_t kShownAlike = 3;  // similar inert steps before the rest is grouped
constexpr std::size_t kShownInARow = 4;  // hidden steps in a row that are shown after all
constexpr std::size_t kHiddenResults = 100'000;  // variables of steps that are not printed
constexpr std::size_t kGroupLabels = 16;
constexpr std::size_t kLabelsKnown = 4096;  // kinds of steps that are told apart
constexpr std::size_t kRemarks = 40;        // beneath one statement
constexpr std::size_t kMarkBytes = 160;
constexpr std::size_t kRemarkBytes = 400;
constexpr std::size_t kSentenceParts = 3;
constexpr std::size_t kToldApart = 16;  // different effects kept for the sentence

constexpr Elision kInertElision{};
// Evidence is shown longer than what does nothing.
constexpr Elision kEvidenceElision{.text_bytes = 2000, .items = 40, .depth = 8};
constexpr Elision kResultElision{.text_bytes = 120, .items = 12, .depth = 5};
constexpr Elision kExact{.exact = true};

std::string cut(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  return escape_text(std::string_view(text).substr(0, limit)) + "...";
}

std::string count_of(std::uint64_t count, std::string_view one) {
  return std::to_string(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

std::string_view container_noun(Kind kind) {
  if (kind == Kind::list) return "list";
  if (kind == Kind::tuple) return "tuple";
  if (kind == Kind::dict) return "dict";
  if (kind == Kind::set || kind == Kind::frozenset) return "set";
  return "";
}

bool gives_result(EventKind kind) {
  return kind == EventKind::call || kind == EventKind::construct || kind == EventKind::persistent;
}

std::string label_of(const Event& event) {
  switch (event.kind) {
    case EventKind::import: return "import";
    case EventKind::getattr: return "getattr";
    case EventKind::call: return escape_text(event.callable);
    case EventKind::construct: return escape_text(event.callable) + ".__new__";
    case EventKind::set_state: return escape_text(event.callable) + ".__setstate__";
    case EventKind::store:
      return escape_text(event.callable) + "." + std::string(to_string(event.how));
    case EventKind::hash: return "hash of " + escape_text(event.callable);
    case EventKind::persistent: return "persistent_load";
  }
  return "";
}

std::string dotted(std::string_view module, std::string_view name) {
  std::string out = escape_text(module);
  if (!module.empty() && !name.empty()) out += '.';
  return out + escape_text(name);
}

}  // namespace

struct Decompiler::Impl {
  Impl(ByteSource& source_given, DecompilerOptions options_given)
      : source(source_given),
        options(options_given),
        book([this](std::uint64_t offset) { return long_literal(source, offset, options.full); }) {}

  ByteSource& source;
  DecompilerOptions options;
  ExprBook book;
  std::vector<Statement> statements;
  std::vector<Statement> alike_now;  // hidden steps of the run under way, while they are few
  std::uint64_t kept = 0;  // statements that count against the bound
  std::uint64_t kept_marked = 0;  // the same, of those with a mark
  std::size_t hidden_results = 0;
  std::unordered_map<std::string, std::uint64_t> alike;  // inert steps shown, by label
  bool flushed = true;  // the group at the end is finished
  bool anything_ran = false;

  // For the sentence.
  Level worst = Level::inert;
  struct Told {
    std::string what, callable;
  };
  std::vector<Told> harms, doubts;  // different ones, in order
  std::uint64_t more_harms = 0, more_doubts = 0;
  std::set<std::string> told;
  std::uint64_t calls = 0, imports = 0;
  std::string ending;  // ", then fails ..."
  std::string result_kind;

  void on_event(const Event& event, Machine& machine);
  bool hidden(const Event& event);
  bool seen_often(const std::string& label);
  void hide(const Event& event, Machine& machine);
  void count_hidden(const Statement& step);
  void flush();
  void implied(const Event& event);
  void judge(const Event& event, Statement& statement);
  void tell(const Judgement& judgement);
  void fill(const Event& event, Machine& machine, Statement& statement);
  void add_text(Statement& statement, std::string text) {
    statement.parts.push_back({Part::Form::text, std::move(text), kNoExpr});
  }
  void add_value(Statement& statement, Part::Form form, const Value& value, Machine& machine,
                 const Elision& elision);
  void add_arguments(const Event& event, Machine& machine, Statement& statement,
                     const Elision& elision);
  void add_result(const RunResult& run, Machine& machine);
  void add_words(std::vector<std::string> lines);
  void add_break(const RunResult& run);
  std::string rule() const { return options.ascii ? "--" : "\u2500\u2500"; }
};

// Whether a step is like others that were shown, and does nothing.
bool Decompiler::Impl::hidden(const Event& event) {
  if (options.full) return false;
  const bool marked = event.judgement->level > Level::note;
  if (marked) return ++kept_marked > options.max_statements;
  if (!options.verbose && event.kind != EventKind::import && seen_often(label_of(event))) {
    return true;
  }
  return ++kept > options.max_statements;
}

bool Decompiler::Impl::seen_often(const std::string& label) {
  const auto found = alike.find(label);
  if (found != alike.end()) return ++found->second > kShownAlike;
  if (alike.size() < kLabelsKnown) alike.emplace(label, 1);
  return false;
}

// Adds one step to the group at the end.
void Decompiler::Impl::count_hidden(const Statement& step) {
  if (statements.empty() || statements.back().what != Statement::What::group) {
    Statement fresh;
    fresh.what = Statement::What::group;
    fresh.offset = step.offset;
    statements.push_back(std::move(fresh));
  }
  Statement& into = statements.back();
  into.last_offset = step.offset;
  into.level = std::max(into.level, step.level);
  auto found = std::find_if(into.counts.begin(), into.counts.end(),
                            [&step](const auto& entry) { return entry.first == step.name; });
  if (found == into.counts.end()) {
    if (into.counts.size() < kGroupLabels) {
      found = into.counts.insert(found, {step.name, 0});
    } else {
      found = into.counts.end() - 1;
      found->first = "others";
    }
  }
  ++found->second;
  for (const std::uint64_t result : step.results) {
    if (hidden_results++ < kHiddenResults) into.results.push_back(result);
  }
}

// A step that may be hidden: few of them in a row are shown after all.
void Decompiler::Impl::hide(const Event& event, Machine& machine) {
  const bool grouping = alike_now.empty() && !statements.empty() &&
                        statements.back().what == Statement::What::group && !flushed;
  Statement step;
  step.offset = event.offset;
  if (gives_result(event.kind) && hidden_results < kHiddenResults) {
    step.results.push_back(event.offset);
  }
  if (!grouping && kept < options.max_statements) {
    fill(event, machine, step);
    machine.clear_nodes();
    judge(event, step);
  }
  for (const std::uint64_t result : step.results) book.add_variable(result);
  const bool spelled_out = !step.parts.empty();
  step.level = event.judgement->level;
  step.name = label_of(event);
  if (!spelled_out) {
    flush();
    count_hidden(step);
    flushed = false;
    return;
  }
  alike_now.push_back(std::move(step));
  if (alike_now.size() <= kShownInARow) return;
  std::vector<Statement> steps;
  steps.swap(alike_now);
  for (const Statement& one : steps) count_hidden(one);
  flushed = false;
}

// Ends a run of steps that may be hidden.
void Decompiler::Impl::flush() {
  for (Statement& step : alike_now) {
    step.name.clear();
    ++kept;
    statements.push_back(std::move(step));
  }
  alike_now.clear();
  flushed = true;
}

// What a call reaches by way of its arguments stands beneath the call.
void Decompiler::Impl::implied(const Event& event) {
  std::string text;
  switch (event.kind) {
    case EventKind::import: text = "imports " + dotted(event.module, event.name); break;
    case EventKind::getattr: text = "reaches " + dotted(event.module, event.name); break;
    case EventKind::call: text = "calls " + escape_text(event.callable); break;
    case EventKind::construct: text = "constructs " + escape_text(event.callable); break;
    case EventKind::set_state: text = "gives state to " + escape_text(event.callable); break;
    case EventKind::store: text = "stores into " + escape_text(event.callable); break;
    case EventKind::hash: text = "runs __hash__ of " + escape_text(event.callable); break;
    case EventKind::persistent: text = "calls persistent_load"; break;
  }
  if (event.judgement->level > Level::note) {
    text += (options.ascii ? "  <-- " : "  \u25c0 ") + escape_text(event.judgement->what);
  }
  text = "    " + cut(std::move(text), kRemarkBytes);
  const bool marked = event.judgement->level > Level::note;
  if (marked) flush();
  std::vector<Statement>& last = alike_now.empty() ? statements : alike_now;
  if (!last.empty() && last.back().offset == event.offset &&
      last.back().what != Statement::What::group) {
    std::vector<std::string>& remarks = last.back().remarks;
    if (remarks.size() < kRemarks) remarks.push_back(std::move(text));
    return;
  }
  const bool room = marked ? ++kept_marked <= options.max_statements
                           : !options.full && ++kept <= options.max_statements;
  if (room) add_words({text + " (byte " + std::to_string(event.offset) + ")"});
}

void Decompiler::Impl::tell(const Judgement& judgement) {
  worst = std::max(worst, judgement.level);
  if (judgement.level < Level::suspicious || judgement.what.empty()) return;
  std::string what = escape_text(judgement.what);
  for (const Evidence& evidence : judgement.evidence) {
    if (evidence.kind == "address" || evidence.kind == "url" || evidence.kind == "path") {
      what += " (" + cut(escape_text(evidence.text), kMarkBytes) + ")";
      break;
    }
  }
  if (!told.insert(what).second) return;
  const bool harm = judgement.level == Level::malicious;
  std::vector<Told>& into = harm ? harms : doubts;
  if (into.size() < kToldApart) {
    into.push_back({std::move(what), judgement.callable});
  } else {
    ++(harm ? more_harms : more_doubts);
    told.erase(what);
  }
}

// The mark, and the evidence that the code does not show already.
void Decompiler::Impl::judge(const Event& event, Statement& statement) {
  const Judgement& judgement = *event.judgement;
  statement.level = judgement.level;
  if (judgement.level == Level::inert || options.full) return;
  statement.mark = cut(escape_text(judgement.what), kMarkBytes);
  if (judgement.level <= Level::note) return;
  for (const Evidence& evidence : judgement.evidence) {
    if (evidence.kind == "command" || evidence.kind == "arguments" || evidence.kind == "name" ||
        evidence.kind == "value") {
      continue;
    }
    statement.remarks.push_back("    " + escape_text(evidence.kind) + ": " +
                                cut(escape_text(evidence.text), kRemarkBytes));
  }
}

void Decompiler::Impl::add_value(Statement& statement, Part::Form form, const Value& value,
                                 Machine& machine, const Elision& elision) {
  const NodeId node = machine.rebuild(value);
  Part part;
  part.form = form;
  if (node == kNoNode) {
    part.expr = book.atom(outline(value.kind()));
  } else {
    const bool spread = form == Part::Form::spread || form == Part::Form::listed;
    part.expr =
        book.copy(machine.nodes(), node, statements.size(), spread, elision, statement.steps);
  }
  statement.parts.push_back(std::move(part));
}

void Decompiler::Impl::add_arguments(const Event& event, Machine& machine, Statement& statement,
                                     const Elision& elision) {
  const std::size_t before = statement.parts.size();
  add_text(statement, event.kind == EventKind::construct ? ", " : "");
  if (event.has_argument) {
    add_value(statement, Part::Form::spread, event.argument, machine, elision);
    const Part& part = statement.parts.back();
    const Expr& expr = book[part.expr];
    if (expr.shape == Expr::Shape::tuple && expr.items.empty() && expr.hidden == 0) {
      statement.parts.resize(before);
    }
  } else {
    statement.parts.resize(before);
  }
  if (event.has_key) {  // NEWOBJ_EX
    add_text(statement,
             statement.parts.size() > before || event.kind == EventKind::construct ? ", **" : "**");
    add_value(statement, Part::Form::value, event.key, machine, elision);
  }
}

void Decompiler::Impl::fill(const Event& event, Machine& machine, Statement& statement) {
  const Elision& elision = options.full                           ? kExact
                           : event.judgement->level > Level::note ? kEvidenceElision
                                                                  : kInertElision;
  switch (event.kind) {
    case EventKind::import:
      statement.what = Statement::What::import;
      statement.module = event.module;
      statement.name = event.name;
      if (!options.full &&
          (event.module != event.written_module || event.name != event.written_name)) {
        statement.remarks.push_back("    written " +
                                    dotted(event.written_module, event.written_name));
      }
      break;
    case EventKind::call:
      add_value(statement, Part::Form::callee, event.target, machine, elision);
      add_text(statement, "(");
      add_arguments(event, machine, statement, elision);
      add_text(statement, ")");
      break;
    case EventKind::construct:
      add_value(statement, Part::Form::callee, event.target, machine, elision);
      add_text(statement, ".__new__(");
      add_value(statement, Part::Form::value, event.target, machine, elision);
      add_arguments(event, machine, statement, elision);
      add_text(statement, ")");
      break;
    case EventKind::persistent:
      add_text(statement, "persistent_load(");
      add_value(statement, Part::Form::value, event.argument, machine, elision);
      add_text(statement, ")");
      break;
    case EventKind::set_state:
      add_value(statement, Part::Form::callee, event.target, machine, elision);
      add_text(statement, ".__setstate__(");
      add_value(statement, Part::Form::value, event.argument, machine, elision);
      add_text(statement, ")");
      break;
    case EventKind::store:
      if (event.how == StoreHow::setattr) add_text(statement, "setattr(");
      add_value(statement, Part::Form::callee, event.target, machine, elision);
      add_text(statement, event.how == StoreHow::setattr ? ", "
                          : event.how == StoreHow::setitem
                              ? "["
                              : "." + std::string(to_string(event.how)) + "(");
      if (event.has_key) {
        add_value(statement, Part::Form::value, event.key, machine, elision);
        add_text(statement, event.how == StoreHow::setitem ? "] = " : ", ");
      }
      add_value(statement, event.how == StoreHow::extend ? Part::Form::listed : Part::Form::value,
                event.argument, machine, elision);
      if (event.how != StoreHow::setitem) add_text(statement, ")");
      break;
    case EventKind::getattr:
    case EventKind::hash: break;
  }
}

void Decompiler::Impl::on_event(const Event& event, Machine& machine) {
  anything_ran = true;
  if (event.kind == EventKind::call || event.kind == EventKind::construct) ++calls;
  if (event.kind == EventKind::import) ++imports;
  tell(*event.judgement);
  const bool silent = event.kind == EventKind::getattr || event.kind == EventKind::hash;
  if (event.computed || silent) {
    if (event.computed || event.judgement->level > Level::note) implied(event);
    return;
  }
  if (hidden(event)) {
    hide(event, machine);
    return;
  }
  flush();
  Statement statement;
  statement.offset = event.offset;
  fill(event, machine, statement);
  judge(event, statement);
  if (gives_result(event.kind)) {
    statement.results.push_back(event.offset);
    book.add_variable(event.offset);
  }
  statements.push_back(std::move(statement));
  machine.clear_nodes();
}

void Decompiler::Impl::add_words(std::vector<std::string> lines) {
  flush();
  Statement statement;
  statement.what = Statement::What::words;
  statement.remarks = std::move(lines);
  statements.push_back(std::move(statement));
}

void Decompiler::Impl::add_result(const RunResult& run, Machine& machine) {
  flush();
  Statement statement;
  statement.offset = run.end.offset == 0 ? 0 : run.end.offset - 1;
  add_text(statement, "result = ");
  add_value(statement, Part::Form::value, run.result, machine,
            options.full ? kExact : kResultElision);
  const Expr& expr = book[statement.parts.back().expr];
  const bool dict = expr.shape == Expr::Shape::dict;
  const std::uint64_t count = expr.items.size() / (dict ? 2 : 1) + expr.hidden;
  const std::string_view noun = container_noun(run.result.kind());
  if (noun.empty()) {
    result_kind = "one value";
  } else if (is_container(expr.shape)) {
    result_kind = "a " + std::string(noun) + " of " + count_of(count, "item");
  } else {
    result_kind = "a " + std::string(noun) + " that is too large to be shown";
  }
  statements.push_back(std::move(statement));
  machine.clear_nodes();
}

// The line where the stream breaks, and what that means.
void Decompiler::Impl::add_break(const RunResult& run) {
  const std::uint64_t offset = run.end.offset;
  const std::string place = rule() + " byte " + std::to_string(offset) + ": ";
  const std::string why = cut(escape_text(run.end.error), kRemarkBytes);
  const std::string before =
      anything_ran ? "after everything above has run." : "and nothing has run before.";
  std::vector<std::string> lines;
  switch (run.end.kind) {
    case EndKind::stop: return;
    case EndKind::broken:
      lines = {place + "the stream breaks (" + why + ").",
               "   Python raises an error here, " + before};
      ending = anything_ran
                   ? ", then fails with an error that looks like a damaged file"
                   : "fails with an error that looks like a damaged file; nothing runs before";
      break;
    case EndKind::paused:
    case EndKind::refused:
      lines = {place + "this loader refuses the stream (" + why + "),", "   " + before};
      ending = anything_ran ? ", then this loader refuses the rest" : "is refused by this loader";
      break;
    case EndKind::budget:
      lines = {place + "Brine stops reading here (limit " + why + ").",
               "   The loader goes on; what it would do from here on is not known."};
      ending = "; the rest was not read (limit " + why + ")";
      break;
  }
  if (offset < source.size()) {
    lines.push_back((run.end.kind == EndKind::budget ? "not read: " : "never reached: ") +
                    count_of(source.size() - offset, "byte"));
  }
  add_words(std::move(lines));
}

Decompiler::Decompiler(ByteSource& source, DecompilerOptions options)
    : impl_(std::make_unique<Impl>(source, options)) {}
Decompiler::~Decompiler() = default;

void Decompiler::on_event(const Event& event, Machine& machine) { impl_->on_event(event, machine); }

void Decompiler::on_nested(std::string_view bytes, std::string_view loader, std::uint64_t offset,
                           Machine& machine) {
  on_nested_part(0, bytes.size(), loader, offset, machine);
}

void Decompiler::on_nested_part(std::uint64_t /*start*/, std::uint64_t count,
                                std::string_view loader, std::uint64_t offset,
                                Machine& /*machine*/) {
  impl_->add_words({"    a pickle inside (" + count_of(count, "byte") + " at byte " +
                    std::to_string(offset) + ") goes to " + escape_text(loader) +
                    ": see its own view"});
}

void Decompiler::finish(const RunResult& run, Machine& machine) {
  impl_->ending.clear();
  if (run.end.kind == EndKind::stop) {
    impl_->add_result(run, machine);
  } else {
    impl_->add_break(run);
  }
}

void Decompiler::print(const LineWriter& write) const {
  PrintStyle style;
  style.exact = impl_->options.full;
  style.ascii = impl_->options.ascii;
  style.max_bytes = impl_->options.full ? 0 : impl_->options.max_bytes;
  PythonPrinter(impl_->book, style, write).print(impl_->statements);
}

Level Decompiler::worst() const { return impl_->worst; }

std::string Decompiler::sentence() const {
  const Impl& impl = *impl_;
  // What is doubted of something that does harm as well has been said.
  std::vector<Impl::Told> doubts;
  for (const Impl::Told& doubt : impl.doubts) {
    const bool said =
        std::any_of(impl.harms.begin(), impl.harms.end(), [&doubt](const Impl::Told& harm) {
          return !harm.callable.empty() && harm.callable == doubt.callable;
        });
    if (!said) doubts.push_back(doubt);
  }
  const auto list = [](const std::vector<Impl::Told>& parts, std::uint64_t more) {
    std::string text;
    const std::size_t shown = std::min(parts.size(), kSentenceParts);
    more += parts.size() - shown;
    for (std::size_t i = 0; i < shown; ++i) {
      if (i != 0) text += i + 1 == shown && more == 0 ? " and " : ", ";
      text += parts[i].what;
    }
    if (more != 0) text += " and " + std::to_string(more) + " more";
    return text;
  };
  std::string out = "loading this file ";
  if (!impl.harms.empty()) {
    out += list(impl.harms, impl.more_harms);
    if (!doubts.empty()) out += ", and besides: " + list(doubts, impl.more_doubts);
  } else if (!doubts.empty()) {
    out += "does what Brine cannot vouch for: " + list(doubts, impl.more_doubts);
  } else if (impl.worst == Level::incomplete) {
    out += "could not be judged within the limits";
  } else if (!impl.anything_ran && !impl.ending.empty()) {
    return out + impl.ending + ".";
  } else {
    if (impl.calls != 0) {
      out += "makes " + count_of(impl.calls, "call") + " that " + (impl.calls == 1 ? "is" : "are") +
             " known to do nothing outside, and ";
    }
    out += "builds " + (impl.result_kind.empty() ? std::string("values") : impl.result_kind);
  }
  return out + impl.ending + ".";
}

std::string view_heading(std::string_view loader, const Profile& profile,
                         std::span<const std::string> also, bool ascii) {
  std::string out = "# view: " + escape_text(loader);
  switch (profile.unpickler) {
    case Unpickler::c: out += " (C unpickler"; break;
    case Unpickler::py: out += " (Python unpickler"; break;
    case Unpickler::torch_weights_only: out += " (torch's restricted unpickler"; break;
    case Unpickler::libtorch: out += " (libtorch's unpickler"; break;
  }
  if (profile.encoding != Encoding::ascii) {
    out += ", encoding " + std::string(to_string(profile.encoding));
  }
  out += ')';
  for (std::size_t i = 0; i < also.size(); ++i) {
    out += i == 0 ? (ascii ? " | also: " : " \u00b7 also: ") : ", ";
    out += escape_text(also[i]);
  }
  if (!also.empty()) out += also.size() == 1 ? " reads the same" : " read the same";
  return out;
}

}  // namespace brine::pickle
