/* Stands before the header of that name of GCC, which says to the compiler that `_tile_loadconfig`
   reads 8 of the 64 bytes of a tile configuration (GCC's bug 114098, mended in 12.4, 13.3 and 14.1).
   What is stored into the others is then dropped as useless, and on a processor with AMX the first
   prompt ends the process. */
#include_next <amxtileintrin.h>

#if defined(__GNUC__) && !defined(__clang__) && !defined(PARLANCE_TILE_LOADCONFIG)
#define PARLANCE_TILE_LOADCONFIG
static __inline__ void parlance_tile_loadconfig(const void *configuration) {
    __asm__ volatile("ldtilecfg\t%X0" : : "m"(*(const char(*)[64])configuration));
}
#define _tile_loadconfig parlance_tile_loadconfig
#endif
