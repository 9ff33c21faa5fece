# layout.cmake: writes OUT, a header that names this build: VERSION, and a digest of HEADERS, in which everything is
# declared that lies in shared memory.  What a comment says, and how lines are broken, does not count.
set(all "")
foreach(header IN LISTS HEADERS)
  file(READ "${header}" text)
  string(REGEX REPLACE "/\\*[^*]*\\*+([^/*][^*]*\\*+)*/" "" text "${text}")
  string(REGEX REPLACE "[ \t\n]+" " " text "${text}")
  string(SHA256 digest "${text}")
  string(APPEND all ${digest})
endforeach()
string(SHA256 digest "${all}")
string(SUBSTRING ${digest} 0 16 digest)
file(WRITE ${OUT} "#define LAYOUT_DIGEST UINT64_C(0x${digest})\n#define BUILD_NAME \"${VERSION} ${digest}\"\n")
