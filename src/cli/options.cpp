#include "cli/options.h"

#include <algorithm>
#include <numeric>

#include "render/style.h"

namespace brine::cli {
namespace {

constexpr OptionSpec kHelp = {"help", 'h', "", "this screen"};

const OptionSpec* find_option(const CommandSpec& command, std::string_view name) {
  if (name == kHelp.name) return &kHelp;
  const auto it = std::find_if(command.options.begin(), command.options.end(),
                               [name](const OptionSpec& o) { return o.name == name; });
  return it == command.options.end() ? nullptr : &*it;
}

const OptionSpec* find_letter(const CommandSpec& command, char letter) {
  if (letter == kHelp.letter) return &kHelp;
  const auto it = std::find_if(command.options.begin(), command.options.end(),
                               [letter](const OptionSpec& o) { return o.letter == letter; });
  return it == command.options.end() || letter == '\0' ? nullptr : &*it;
}

Error unknown_option(const CommandSpec& command, std::string_view dashed, std::string_view name) {
  std::vector<std::string_view> names = {kHelp.name};
  for (const OptionSpec& option : command.options) names.push_back(option.name);
  return usage_error(std::string(dashed) + ": unknown option" + suggestion(name, names, "--"));
}

// Edits (insert, delete, replace, swap of neighbours) that turn one word into the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  std::iota(cost[0].begin(), cost[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

std::string option_column(const OptionSpec& option) {
  std::string out = "  ";
  if (option.letter != '\0') {
    out += std::string("-") + option.letter + ", ";
  }
  out.append("--").append(option.name);
  if (!option.value.empty()) out.append(" ").append(option.value);
  return out;
}

}  // namespace

Error usage_error(std::string what) { return {ErrorCode::usage, 0, std::move(what)}; }

bool Arguments::has(std::string_view option) const {
  return std::any_of(options_.begin(), options_.end(),
                     [option](const auto& o) { return o.first == option; });
}

std::string_view Arguments::value(std::string_view option, std::string_view fallback) const {
  for (auto it = options_.rbegin(); it != options_.rend(); ++it) {
    if (it->first == option) return it->second;
  }
  return fallback;
}

std::vector<std::string_view> Arguments::values(std::string_view option) const {
  std::vector<std::string_view> out;
  for (const auto& [name, value] : options_) {
    if (name == option) out.push_back(value);
  }
  return out;
}

Result<Arguments> parse_arguments(const CommandSpec& command, std::span<char* const> words) {
  Arguments out;
  bool only_operands = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    // The value behind an option: what is joined to it, else the next word.
    const auto add = [&](const OptionSpec& option, std::string_view dashed,
                         const std::string_view* joined) -> Status {
      if (option.value.empty()) {
        if (joined != nullptr) return fail(usage_error(std::string(dashed) + " takes no value"));
        out.options_.emplace_back(option.name, "");
        return {};
      }
      if (joined == nullptr && i + 1 == words.size()) {
        return fail(usage_error(std::string(dashed) + " wants " + std::string(option.value)));
      }
      out.options_.emplace_back(option.name, joined != nullptr ? *joined : words[++i]);
      return {};
    };

    if (only_operands || word == "-" || !word.starts_with('-')) {
      out.operands_.emplace_back(word);
    } else if (word == "--") {
      only_operands = true;
    } else if (word.starts_with("--")) {
      const std::size_t equals = word.find('=');
      const std::string_view dashed = word.substr(0, equals);
      const std::string_view name = dashed.substr(2);
      const OptionSpec* option = find_option(command, name);
      if (option == nullptr) return fail(unknown_option(command, dashed, name));
      const std::string_view joined =
          equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
      BRINE_CHECK_STATUS(
          add(*option, dashed, equals == std::string_view::npos ? nullptr : &joined));
    } else {
      for (std::size_t at = 1; at < word.size(); ++at) {
        const std::string dashed = std::string("-") + word[at];
        const OptionSpec* option = find_letter(command, word[at]);
        if (option == nullptr) return fail(unknown_option(command, dashed, word.substr(1)));
        const std::string_view rest = word.substr(at + 1);
        const bool joined = !option->value.empty() && !rest.empty();
        BRINE_CHECK_STATUS(add(*option, dashed, joined ? &rest : nullptr));
        if (joined) break;
      }
    }
  }
  return out;
}

std::string help_text(const CommandSpec& command) {
  std::string out = "brine " + std::string(command.name);
  out.append(": ").append(command.purpose).append("\n\n");
  std::size_t column = 0;
  for (const Example& example : command.examples) {
    column = std::max(column, example.command.size());
  }
  for (const Example& example : command.examples) {
    out.append("  ").append(example.command);
    out.append(column - example.command.size() + 3, ' ').append(example.meaning) += '\n';
  }
  out.append("\nusage: brine ").append(command.name);
  out.append(" [options] ").append(command.operands).append("\n\n");
  column = 0;
  std::vector<OptionSpec> options(command.options.begin(), command.options.end());
  options.push_back(kHelp);
  for (const OptionSpec& option : options) column = std::max(column, option_column(option).size());
  for (const OptionSpec& option : options) {
    const std::string left = option_column(option);
    out += left + std::string(column - left.size() + 2, ' ');
    out.append(option.help) += '\n';
  }
  if (!command.notes.empty()) out.append("\n").append(command.notes).append("\n");
  return out;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_cost = std::max<std::size_t>(word.size() / 3, 1) + 1;
  if (word.size() > 64) return best;  // nobody mistypes that
  for (const std::string_view candidate : candidates) {
    std::size_t cost = edit_distance(word, candidate);
    // The beginning of a word is a near miss as well.
    if (word.size() >= 3 && candidate.starts_with(word)) cost = std::min<std::size_t>(cost, 1);
    if (cost < best_cost) {
      best = candidate;
      best_cost = cost;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates,
                       std::string_view prefix) {
  const std::string_view near = nearest(word, candidates);
  if (near.empty()) return {};
  return std::string(": did you mean ").append(prefix).append(near).append("?");
}

Result<std::size_t> choose(std::string_view option, std::string_view word,
                           std::span<const std::string_view> words) {
  const auto it = std::find(words.begin(), words.end(), word);
  if (it != words.end()) return static_cast<std::size_t>(it - words.begin());
  std::string what = std::string(option) + " " + std::string(word) + ": ";
  const std::string_view near = nearest(word, words);
  if (!near.empty()) return fail(usage_error(what + "did you mean " + std::string(near) + "?"));
  what += "one of ";
  for (std::size_t i = 0; i < words.size(); ++i) {
    what.append(i == 0 ? "" : i + 1 == words.size() ? " and " : ", ").append(words[i]);
  }
  return fail(usage_error(std::move(what)));
}

}  // namespace brine::cli
