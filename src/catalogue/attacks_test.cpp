// Attacks: each line of the table is a stream that no World may find harmless.
//
// Problem: names are many and facts are few. What is checked: with all data each is malicious or
// suspicious as told; with the danger data gone every one is still at least suspicious.

#include <gtest/gtest.h>

#include <vector>

#include "catalogue/harness.h"

namespace brine::catalogue {
namespace {

using pickle::Level;

struct Attack {
  const char* name;
  Level level;  // in the catalogue's World
  Assembler stream;
};

// module.name(text)
Assembler call1(std::string_view module, std::string_view name, std::string_view text = "echo x") {
  return Assembler().global(module, name).str(text).tuple1().reduce().stop();
}

// A NumPy array of one element: its type's letters and flags, and what its state gives as content.
Assembler array(std::string_view letters, int flags, std::string_view content) {
  Assembler out;
  out.global("numpy.core.multiarray", "_reconstruct").global("numpy", "ndarray");
  out.integer(0).tuple1().bytes("b").tuple3().reduce();
  out.mark().integer(1).integer(1).tuple1();
  out.global("numpy", "dtype").str(letters).no().yes().tuple3().reduce();
  out.mark().integer(3).str("|").none().none().none().integer(-1).integer(-1).integer(flags);
  return out.tuple().build().no().raw(content).tuple().build().stop();
}

// A numpy.dtype of one field of eight bytes.
Assembler record(std::string_view names, std::string_view field, int offset, int size,
                 bool twice = false) {
  Assembler out;
  out.global("numpy", "dtype").str("V8").no().yes().tuple3().reduce();
  for (int i = 0; i < (twice ? 2 : 1); ++i) {
    out.mark().integer(3).str("|").none().raw(names).empty_dict().str(field);
    out.global("numpy", "dtype").str("i8").no().yes().tuple3().reduce().integer(offset).tuple2();
    out.setitem().integer(size).integer(1).integer(16).tuple().build();
  }
  return out.stop();
}

struct Named {
  const char* module;
  const char* name;
};

// Called with one text, each does harm.
constexpr Named kHarmful[] = {
    {"os", "system"},
    {"posix", "system"},
    {"nt", "system"},
    {"os", "popen"},
    {"os", "execv"},
    {"subprocess", "Popen"},
    {"subprocess", "run"},
    {"subprocess", "check_output"},
    {"subprocess", "getoutput"},
    {"commands", "getoutput"},
    {"pty", "spawn"},
    {"__builtin__", "eval"},
    {"builtins", "eval"},
    {"builtins", "exec"},
    {"builtins", "compile"},
    {"builtins", "breakpoint"},
    {"torch", "os.system"},
    {"torch", "hub.load"},
    {"os", "remove"},
    {"os", "unlink"},
    {"os", "rmdir"},
    {"shutil", "rmtree"},
    {"shutil", "copy"},
    {"socket", "create_connection"},
    {"urllib", "urlopen"},
    {"urllib.request", "urlretrieve"},
    {"urllib2", "urlopen"},
    {"requests", "get"},
    {"ftplib", "FTP"},
    {"smtplib", "SMTP"},
    {"telnetlib", "Telnet"},
    {"runpy", "run_path"},
    {"runpy", "run_module"},
    {"code", "interact"},
    {"code", "InteractiveInterpreter.runcode"},
    {"imp", "load_source"},
    {"ctypes", "CDLL"},
    {"marshal", "loads"},
    {"pdb", "run"},
    {"bdb", "Bdb.run"},
    {"doctest", "debug_script"},
    {"timeit", "timeit"},
    {"trace", "Trace.run"},
    {"cProfile", "run"},
    {"profile", "run"},
    {"distutils.file_util", "write_file"},
    {"ensurepip", "_run_pip"},
    {"venv", "create"},
    {"pip", "main"},
    {"webbrowser", "open"},
    {"platform", "popen"},
    {"sqlite3", "connect"},
    {"logging", "FileHandler"},
    {"logging.config", "fileConfig"},
    {"tempfile", "mkstemp"},
    {"os", "system.__call__"},
    {"shutil", "os.popen"},
    {"asyncio", "create_subprocess_shell"},
    {"pydoc", "pipepager"},
    {"torch.hub", "load"},
    {"torch.jit", "CompilationUnit"},
    {"torch.utils.cpp_extension", "load_inline"},
    {"numpy.testing._private.utils", "runstring"},
    {"numpy.distutils.exec_command", "exec_command"},
    {"pandas", "eval"},
    {"pandas.core.frame", "DataFrame.query"},
    {"pathlib", "Path.write_text"},
    {"sympy", "sympify"},
};

// Called with one text, each is at least suspicious.
constexpr Named kSuspicious[] = {
    {"linecache", "getline"},
    {"sys", "settrace"},
    {"sys", "exit"},
    {"builtins", "exit"},
    {"signal", "alarm"},
    {"atexit", "register"},
    {"weakref", "finalize"},
    {"gc", "get_objects"},
    {"inspect", "getmembers"},
    {"os", "getenv"},
    {"pwd", "getpwnam"},
    {"getpass", "getuser"},
    {"builtins", "globals"},
    {"builtins", "vars"},
    {"warnings", "showwarning"},
    {"site", "addsitedir"},
    {"numpy", "load"},
    {"joblib", "load"},
    {"pandas", "read_pickle"},
    {"torch", "load"},
    {"shelve", "open"},
    {"dbm", "open"},
    {"no_such_module", "f"},
    {"collections", "no_such_name"},
    {"collections", "OrderedDict.__reduce__"},
    {"builtins", "open"},
    {"io", "open"},
    {"zipfile", "ZipFile"},
    {"tarfile", "open"},
    {"gzip", "open"},
    {"importlib", "import_module"},
    {"builtins", "__import__"},
    {"copyreg", "_inverted_registry"},
    {"operator", "setitem"},
    {"codecs", "lookup"},
    {"builtins", "str.__class__"},
    {"functools", "cmp_to_key"},
    {"itertools", "groupby"},
    {"http.client", "HTTPConnection"},
    {"httplib", "HTTPConnection"},
    {"importlib", "reload"},
    {"cffi", "FFI"},
    {"idlelib.run", "Executive"},
    {"fileinput", "FileInput"},
    {"multiprocessing", "Process"},
    {"concurrent.futures", "ProcessPoolExecutor"},
    {"numpy.f2py.crackfortran", "getlincoef"},
    {"dill._dill", "_create_function"},
    {"cloudpickle.cloudpickle", "_make_function"},
    {"collections", "namedtuple"},
};

Assembler getattr_call(std::string_view module, std::string_view attribute) {
  return Assembler()
      .global("builtins", "getattr")
      .global("importlib", "import_module")
      .str(module)
      .tuple1()
      .reduce()
      .str(attribute)
      .tuple2()
      .reduce()
      .str("echo x")
      .tuple1()
      .reduce()
      .stop();
}

std::vector<Attack> attacks() {
  std::vector<Attack> out;
  for (const Named& row : kHarmful) {
    out.push_back({row.name, Level::malicious, call1(row.module, row.name)});
  }
  for (const Named& row : kSuspicious) {
    out.push_back({row.name, Level::suspicious, call1(row.module, row.name)});
  }
  const auto add = [&out](const char* name, Level level, Assembler stream) {
    out.push_back({name, level, std::move(stream)});
  };
  add("open for writing", Level::malicious,
      Assembler().global("builtins", "open").str("x").str("wb").tuple2().reduce().stop());
  add("only imported", Level::suspicious, Assembler().global("os", "system").stop());
  add("inst", Level::malicious, Assembler().mark().str("echo x").raw("ios\nsystem\n").stop());
  add("obj", Level::malicious,
      Assembler().mark().global("os", "system").str("echo x").raw("o").stop());
  add("stack_global", Level::malicious,
      Assembler().proto(4).stack_global("os", "system").str("echo x").tuple1().reduce().stop());
  add("import_module and getattr", Level::malicious, getattr_call("os", "system"));
  add("name put together by a function", Level::malicious,
      Assembler()
          .proto(4)
          .str("os")
          .global("_codecs", "decode")
          .bytes("flfgrz")
          .str("ascii")
          .tuple2()
          .reduce()
          .str("rot13")
          .pop()
          .raw("0")
          .pop()
          .raw("")
          .global("os", "system")
          .str("echo x")
          .tuple1()
          .reduce()
          .stop());
  add("name decoded by rot13", Level::malicious,
      Assembler()
          .proto(4)
          .str("os")
          .global("codecs", "encode")
          .str("flfgrz")
          .str("rot13")
          .tuple2()
          .reduce()
          .raw("\x93")
          .str("echo x")
          .tuple1()
          .reduce()
          .stop());
  add("partial called", Level::malicious,
      Assembler()
          .global("functools", "partial")
          .global("os", "system")
          .str("echo x")
          .tuple2()
          .reduce()
          .empty_tuple()
          .reduce()
          .stop());
  add("partial left", Level::suspicious,
      Assembler()
          .global("functools", "partial")
          .global("os", "system")
          .str("echo x")
          .tuple2()
          .reduce()
          .stop());
  add("map", Level::malicious,
      Assembler()
          .global("builtins", "map")
          .global("os", "system")
          .empty_list()
          .str("echo x")
          .append()
          .tuple2()
          .reduce()
          .stop());
  add("map by newobj", Level::malicious,
      Assembler()
          .proto(2)
          .global("builtins", "map")
          .global("os", "system")
          .empty_list()
          .str("echo x")
          .append()
          .tuple2()
          .newobj()
          .stop());
  add("memmap by newobj", Level::malicious,
      Assembler()
          .proto(2)
          .global("numpy", "memmap")
          .mark()
          .str("model.bin")
          .str("uint8")
          .str("w+")
          .tuple()
          .newobj()
          .stop());
  add("reduce", Level::malicious,
      Assembler()
          .global("functools", "reduce")
          .global("builtins", "eval")
          .empty_list()
          .str("1")
          .append()
          .str("2")
          .append()
          .tuple2()
          .reduce()
          .stop());
  add("methodcaller", Level::malicious,
      Assembler()
          .global("operator", "methodcaller")
          .str("system")
          .str("echo x")
          .tuple2()
          .reduce()
          .global("importlib", "import_module")
          .str("os")
          .tuple1()
          .reduce()
          .tuple1()
          .reduce()
          .stop());
  add("attrgetter", Level::malicious,
      Assembler()
          .global("operator", "attrgetter")
          .str("system")
          .tuple1()
          .reduce()
          .global("importlib", "import_module")
          .str("os")
          .tuple1()
          .reduce()
          .tuple1()
          .reduce()
          .str("echo x")
          .tuple1()
          .reduce()
          .stop());
  add("starmap", Level::malicious,
      Assembler()
          .global("itertools", "starmap")
          .global("os", "system")
          .empty_list()
          .str("echo x")
          .tuple1()
          .append()
          .tuple2()
          .reduce()
          .stop());
  add("code through a wrapper", Level::malicious,
      Assembler()
          .global("builtins", "exec")
          .global("builtins", "compile")
          .str("1")
          .str("f")
          .str("exec")
          .tuple3()
          .reduce()
          .tuple1()
          .reduce()
          .stop());
  add("state of a module's function", Level::suspicious,
      Assembler().global("_pickle", "loads").empty_dict().build().stop());
  add("class changed by slot state", Level::suspicious,
      Assembler()
          .global("collections", "OrderedDict")
          .none()
          .empty_dict()
          .str("__reduce__")
          .global("os", "system")
          .setitem()
          .tuple2()
          .build()
          .stop());
  add("item into a registry", Level::suspicious,
      Assembler().global("copyreg", "_inverted_registry").integer(1).str("x").setitem().stop());
  add("unknown class allocated", Level::suspicious,
      Assembler().proto(2).global("mypkg", "Model").empty_tuple().newobj().stop());
  add("unknown class built", Level::suspicious,
      Assembler()
          .proto(2)
          .global("mypkg", "Model")
          .empty_tuple()
          .newobj()
          .empty_dict()
          .build()
          .stop());
  add("setstate hidden in state", Level::suspicious,
      Assembler()
          .proto(2)
          .global("argparse", "Namespace")
          .empty_tuple()
          .newobj()
          .empty_dict()
          .str("__setstate__")
          .global("os", "system")
          .setitem()
          .build()
          .str("echo x")
          .build()
          .stop());
  add("pickle in a pickle, bytes unknown", Level::suspicious,
      Assembler()
          .global("pickle", "loads")
          .global("mypkg", "f")
          .empty_tuple()
          .reduce()
          .tuple1()
          .reduce()
          .stop());
  add("persistent id without a loader for it", Level::suspicious,
      Assembler().proto(2).global("mypkg", "x").persid().stop());
  add("extension code defined", Level::suspicious,
      Assembler()
          .proto(2)
          .global("copyreg", "add_extension")
          .str("os")
          .str("system")
          .integer(7)
          .tuple3()
          .reduce()
          .pop()
          .raw("\x82\x07")
          .str("echo x")
          .tuple1()
          .reduce()
          .stop());
  // Names that are known, with arguments that no model has.
  add("OrderedDict of text", Level::suspicious, call1("collections", "OrderedDict"));
  add("defaultdict of a dangerous factory", Level::suspicious,
      Assembler()
          .global("collections", "defaultdict")
          .global("os", "system")
          .tuple1()
          .reduce()
          .stop());
  add("encode with a codec that decompresses", Level::suspicious,
      Assembler().global("_codecs", "encode").str("x").str("zip").tuple2().reduce().stop());
  add("a function of the file's own code", Level::suspicious,
      call1("cloudpickle.cloudpickle", "_make_function"));
  add("such a function, called", Level::malicious,
      Assembler()
          .global("dill._dill", "_create_function")
          .raw("ctypes\nCodeType\n)R")
          .tuple1()
          .reduce()
          .empty_tuple()
          .reduce()
          .stop());
  add("such a function, changed and called for each item", Level::malicious,
      Assembler()
          .global("builtins", "map")
          .global("types", "FunctionType")
          .raw("ctypes\nCodeType\n)R")
          .empty_dict()
          .tuple2()
          .reduce()
          .empty_dict()
          .build()
          .raw("(K\x01t")
          .tuple2()
          .reduce()
          .stop());
  add("a type by its name, called", Level::suspicious,
      call1("cloudpickle.cloudpickle", "_builtin_type", "CodeType"));
  add("objects from bytes", Level::suspicious,
      array("O8", 63, Assembler().bytes("12345678").text()));
  add("objects that are missing", Level::suspicious, array("O8", 63, "]"));
  add("fields without their names", Level::suspicious,
      record(Assembler().str("a").tuple1().text(), "b", 0, 8));
  add("a field behind the element", Level::suspicious,
      record(Assembler().str("a").tuple1().text(), "a", 4, 8));
  add("a negative element", Level::suspicious,
      record(Assembler().str("a").tuple1().text(), "a", 0, -9));
  add("a type that grows", Level::suspicious,
      record(Assembler().str("a").tuple1().text(), "a", 0, 8, true));
  add("objects of an unknown class", Level::suspicious,
      array("O8", 63, Assembler().empty_list().global("mypkg", "A").append().text()));
  add("numbers that are called objects", Level::suspicious, array("i8", 63, "]Na"));
  add("raw bytes that are called objects", Level::suspicious,
      array("V8", 63, Assembler().bytes("12345678").text()));
  add("dtype of names", Level::suspicious,
      Assembler()
          .global("numpy", "dtype")
          .global("mypkg", "x")
          .no()
          .yes()
          .tuple3()
          .reduce()
          .stop());
  add("reconstruct of another class", Level::suspicious,
      Assembler()
          .global("numpy.core.multiarray", "_reconstruct")
          .global("mypkg", "A")
          .integer(0)
          .tuple1()
          .bytes("b")
          .tuple3()
          .reduce()
          .stop());
  add("reconstructor of an unknown class", Level::suspicious,
      Assembler()
          .global("copyreg", "_reconstructor")
          .global("mypkg", "A")
          .global("builtins", "object")
          .none()
          .tuple3()
          .reduce()
          .stop());
  add("reconstructor with an unknown base", Level::suspicious,
      Assembler()
          .global("copyreg", "_reconstructor")
          .global("argparse", "Namespace")
          .global("argparse", "Namespace")
          .none()
          .tuple3()
          .reduce()
          .stop());
  add("tensor with hooks", Level::suspicious,
      Assembler()
          .global("torch._utils", "_rebuild_parameter")
          .none()
          .no()
          .global("collections", "OrderedDict")
          .empty_tuple()
          .reduce()
          .str("k")
          .global("os", "system")
          .setitem()
          .tuple3()
          .reduce()
          .stop());
  add("rebuild_from_type of a dangerous function", Level::malicious,
      Assembler()
          .global("torch._tensor", "_rebuild_from_type_v2")
          .mark()
          .global("builtins", "eval")
          .global("torch", "Tensor")
          .str("1")
          .tuple1()
          .none()
          .tuple()
          .reduce()
          .stop());
  return out;
}

TEST(Attacks, AreSeenForWhatTheyAre) {
  const std::vector<Attack> all = attacks();
  EXPECT_GE(all.size(), 130u);
  for (const Attack& attack : all) {
    const Ran ran = run(attack.stream);
    EXPECT_GE(ran.worst, attack.level) << attack.name << "\n" << ran.report();
  }
}

TEST(Attacks, AreNeverCleanWithoutDangerData) {
  for (const Attack& attack : attacks()) {
    const Ran ran = run(attack.stream, {.blind = true});
    EXPECT_GE(ran.worst, Level::suspicious) << attack.name << "\n" << ran.report();
  }
}

}  // namespace
}  // namespace brine::catalogue
