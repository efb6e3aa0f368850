/* Stands in for NVIDIA's libnvidia-ml.so.1: as much of it as the agent calls, with failures on request.
 *
 * The file that $NVML_WORLD names says how things are, and is read at every call; without one there is no driver.
 *
 *     init CODE                              what nvmlInit returns
 *     hang                                   every call waits until this line is gone
 *     gpu UUID NAME MEMORY BUS CODE CODE     a GPU; what its calls return, and what the one for its memory does
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, DRIVER_NOT_LOADED = 9, MOST = 8 };

typedef struct {
    char uuid[96], name[96], bus[32];
    unsigned long long memory;
    int code, memory_code;
} Gpu;

typedef struct {
    int has_driver, init, hangs, count;
    Gpu gpus[MOST];
} World;

/* As nvml.h has them. */
typedef struct {
    char busIdLegacy[16];
    unsigned int domain, bus, device, pciDeviceId, pciSubSystemId;
    char busId[32];
} PciInfo;

typedef struct {
    unsigned long long total, free, used;
} Memory;

static int begun = 0;

static void read_world(World *world) {
    const char *path = getenv("NVML_WORLD");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[512];
    memset(world, 0, sizeof *world);
    if (!file)
        return;
    world->has_driver = 1;
    while (fgets(line, sizeof line, file)) {
        Gpu *gpu = &world->gpus[world->count];
        sscanf(line, "init %d", &world->init);
        if (strncmp(line, "hang", 4) == 0)
            world->hangs = 1;
        if (world->count < MOST && sscanf(line, "gpu %95s %95s %llu %31s %d %d", gpu->uuid, gpu->name,
                                          &gpu->memory, gpu->bus, &gpu->code, &gpu->memory_code) == 6)
            world->count++;
    }
    fclose(file);
}

static World look(void) {
    World world;
    for (read_world(&world); world.hangs; read_world(&world))
        usleep(10000);
    return world;
}

static int look_at(void *device, Gpu *gpu) {
    World world = look();
    size_t number = (size_t)device;
    if (!begun)
        return UNINITIALIZED;
    if (number < 1 || number > (size_t)world.count)
        return INVALID_ARGUMENT;
    *gpu = world.gpus[number - 1];
    return gpu->code;
}

int nvmlInitWithFlags(unsigned int flags) {
    World world = look();
    (void)flags;
    if (!world.has_driver)
        return DRIVER_NOT_LOADED;
    if (world.init == SUCCESS)
        begun++;
    return world.init;
}

int nvmlShutdown(void) {
    if (!begun)
        return UNINITIALIZED;
    begun--;
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned int *count) {
    World world = look();
    if (!begun)
        return UNINITIALIZED;
    *count = (unsigned int)world.count;
    return world.has_driver ? world.init : DRIVER_NOT_LOADED;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    Gpu gpu;
    *device = (void *)(size_t)(index + 1);
    return look_at(*device, &gpu);
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned int size) {
    Gpu gpu;
    int code = look_at(device, &gpu);
    if (code == SUCCESS)
        snprintf(uuid, size, "%s", gpu.uuid);
    return code;
}

int nvmlDeviceGetName(void *device, char *name, unsigned int size) {
    Gpu gpu;
    int code = look_at(device, &gpu);
    if (code == SUCCESS)
        snprintf(name, size, "%s", gpu.name);
    return code;
}

int nvmlDeviceGetPciInfo_v3(void *device, PciInfo *info) {
    Gpu gpu;
    int code = look_at(device, &gpu);
    if (code == SUCCESS)
        snprintf(info->busId, sizeof info->busId, "%s", gpu.bus);
    return code;
}

int nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
    Gpu gpu;
    int code = look_at(device, &gpu);
    if (code == SUCCESS && gpu.memory_code == SUCCESS)
        memory->total = gpu.memory;
    return code == SUCCESS ? gpu.memory_code : code;
}
